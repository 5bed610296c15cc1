"""What a month costs, from list prices, sizes and times: python infra/cost.py.

The prices are assumptions: list prices in US dollars for europe-west1 as remembered on 2026-11-23,
not looked up. Check them before relying on a figure; each is one line here.
"""

import argparse
from dataclasses import dataclass

# Per unit, after the free amount of each month.
CPU_SECOND, FREE_CPU_SECONDS = 0.000024, 180_000
MEMORY_GIB_SECOND, FREE_MEMORY_GIB_SECONDS = 0.0000025, 360_000
REQUEST, FREE_REQUESTS = 0.40 / 1e6, 2_000_000
IDLE_CPU_SECOND, IDLE_MEMORY_GIB_SECOND = 0.0000025, 0.0000025
# Two forwarding rules count as up to five; hours of a month of 730.
LOAD_BALANCER_MONTH = 0.025 * 730
LOAD_BALANCER_GIB = 0.008
ARMOR_MONTH, ARMOR_REQUEST = 5.0 + 1.0, 0.75 / 1e6
EGRESS_GIB = 0.12
LOG_GIB, FREE_LOG_GIB = 0.50, 50
STORAGE_GIB_MONTH = 0.02
ALERT_CONDITION = 0.10
BUILD_MINUTE, FREE_BUILD_MINUTES = 0.016, 0

GIB = 1024**3


@dataclass(frozen=True)
class Use:
    """What an image and a month take; the sizes and times are measured (README.md)."""

    cpus: float = 1.0
    memory_gib: float = 1.0
    # Seconds of an instance for an image: decoding and inference (0.02, measured), the rest an
    # allowance for the upload's arrival, in which an instance is billed as well.
    instance_s: float = 0.5
    # How many requests share an instance at a time, on average; quiet services get no sharing.
    shared_by: float = 1.0
    # Seconds that an instance starts, billed too (an allowance); one image in how many pays it.
    start_s: float = 3.0
    images_per_start: float = 10.0
    upload_bytes: int = 300_000
    # Result, and the page once for every three images.
    answer_bytes: int = 4_000
    page_bytes: int = 150_000
    log_bytes: int = 700
    releases_gib: float = 0.5
    deployments: int = 10
    build_minutes: float = 15.0
    alert_conditions: int = 5


# More images find an instance that is awake, and share it.
LEVELS = {
    1_000: Use(),
    100_000: Use(shared_by=1.5, images_per_start=200),
    10_000_000: Use(shared_by=3.0, images_per_start=20_000),
}


def above(amount: float, free: float) -> float:
    return max(0.0, amount - free)


def month(images: int, use: Use, minimum_instances: int = 0) -> dict[str, float]:
    """Dollars of a month, by item."""
    # The page asks for two more small things than the classification.
    requests = images * (1 + 2 / 3)
    seconds = images * use.instance_s / use.shared_by + images / use.images_per_start * use.start_s
    idle = minimum_instances * 730 * 3600
    out_gib = images * (use.answer_bytes + use.page_bytes / 3) / GIB
    in_gib = images * use.upload_bytes / GIB
    return {
        "function: CPU": above(seconds * use.cpus, FREE_CPU_SECONDS) * CPU_SECOND
        + idle * use.cpus * IDLE_CPU_SECOND,
        "function: memory": above(seconds * use.memory_gib, FREE_MEMORY_GIB_SECONDS)
        * MEMORY_GIB_SECOND
        + idle * use.memory_gib * IDLE_MEMORY_GIB_SECOND,
        "function: requests": above(requests, FREE_REQUESTS) * REQUEST,
        "load balancer": LOAD_BALANCER_MONTH + (in_gib + out_gib) * LOAD_BALANCER_GIB,
        "rate limit": ARMOR_MONTH + requests * ARMOR_REQUEST,
        "traffic to visitors": out_gib * EGRESS_GIB,
        "log": above(requests * use.log_bytes / GIB, FREE_LOG_GIB) * LOG_GIB,
        "storage": use.releases_gib * STORAGE_GIB_MONTH,
        "alerts": use.alert_conditions * ALERT_CONDITION,
        "builds": above(use.deployments * use.build_minutes, FREE_BUILD_MINUTES) * BUILD_MINUTE,
    }


def table(minimum_instances: int = 0) -> str:
    """The months side by side, as a Markdown table."""
    months = {images: month(images, use, minimum_instances) for images, use in LEVELS.items()}
    lines = [
        "| US dollars a month | " + " | ".join(f"{images:,} images" for images in months) + " |",
        "|---|" + "---:|" * len(months),
    ]
    for item in next(iter(months.values())):
        lines.append(f"| {item} | " + " | ".join(f"{m[item]:.2f}" for m in months.values()) + " |")
    total = " | ".join(f"**{sum(m.values()):.2f}**" for m in months.values())
    each = " | ".join(f"{sum(m.values()) / n * 1000:.2f}" for n, m in months.items())
    return "\n".join([*lines, f"| **together** | {total} |", f"| for 1,000 images | {each} |"])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minimum-instances", type=int, default=0)
    print(table(parser.parse_args().minimum_instances))
