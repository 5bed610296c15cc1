"""Estimates the monthly cost from list prices, sizes and times: python infra/cost.py.

List prices are in US dollars, before taxes. Each comment names Google's page with the price, read
on 2026-11-27 in a stored copy or a transcript of it (github.com/api-evangelist, 2026-09-20). Prices
marked "us-central1" are of that region; those of europe-west1 may differ. Prices marked
"unconfirmed" were not found. Check a price before relying on it.
"""

import argparse
from dataclasses import dataclass

# Per unit, beyond the monthly free tier: cloud.google.com/run/pricing, request-based billing.
CPU_SECOND, FREE_CPU_SECONDS = 0.000024, 180_000
MEMORY_GIB_SECOND, FREE_MEMORY_GIB_SECONDS = 0.0000025, 360_000
REQUEST, FREE_REQUESTS = 0.40 / 1e6, 2_000_000
# unconfirmed
IDLE_CPU_SECOND, IDLE_MEMORY_GIB_SECOND = 0.0000025, 0.0000025
# cloud.google.com/load-balancing/pricing, us-central1: up to five forwarding rules cost as one, an
# hour of a month of 730; data in either direction.
LOAD_BALANCER_MONTH = 0.025 * 730
LOAD_BALANCER_GIB = 0.008
# A policy and one rule: several public repositories give the same prices; Google's page was not
# available.
ARMOR_MONTH, ARMOR_REQUEST = 5.0 + 1.0, 0.75 / 1e6
# cloud.google.com/vpc/network-pricing: Premium Tier, to North America, the first TiB.
EGRESS_GIB = 0.12
# cloud.google.com/cdn/pricing: to visitors in North America, from a bucket of the continent, and a
# look-up.
CDN_GIB, CDN_FILL_GIB, CDN_LOOKUP = 0.08, 0.01, 0.0075 / 10_000
# cloud.google.com/stackdriver/pricing
LOG_GIB, FREE_LOG_GIB = 0.50, 50
# cloud.google.com/storage/pricing, us-central1: 0.000027397 an hour.
STORAGE_GIB_MONTH = 0.000027397 * 730
# cloud.google.com/artifact-registry/pricing
IMAGE_GIB_MONTH, FREE_IMAGE_GIB = 0.10, 0.5
# The condition: unconfirmed (Google announced 1.50, others read 0.10). A million time series, and
# an evaluation every 30 s: cloud.google.com/monitoring/alerts/cost-control.
ALERT_CONDITION, ALERT_SERIES = 0.10, 0.35 / 1e6
EVALUATIONS = 730 * 3600 / 30
# E2_HIGHCPU_8: cloud.google.com/build/pricing
BUILD_MINUTE, FREE_BUILD_MINUTES = 0.016, 0

GIB = 1024**3


@dataclass(frozen=True)
class Use:
    """Resources of an image and of a month; sizes and times are measured (README.md)."""

    cpus: float = 1.0
    memory_gib: float = 1.0
    # Instance seconds for an image: decoding and inference (0.02, measured), the rest an allowance
    # for the duration of the upload, which is billed as well.
    instance_s: float = 0.5
    # Average number of concurrent requests on an instance; 1 for services with little traffic.
    shared_by: float = 1.0
    # Start-up time of an instance in seconds, billed too (an allowance); images per start-up.
    start_s: float = 3.0
    images_per_start: float = 10.0
    upload_bytes: int = 300_000
    # The result, and the page once for every three images.
    answer_bytes: int = 4_000
    page_bytes: int = 150_000
    log_bytes: int = 700
    # Files of one visit of the page, each looked up in the cache.
    page_files: int = 12
    releases_gib: float = 0.5
    # Allowance for the five container images each of function and training job that are kept.
    images_gib: float = 5 * 0.3 + 5 * 2.0
    deployments: int = 10
    # Of the tests, and 20 of the rollout, which mostly waits.
    build_minutes: float = 40.0
    # infra/monitoring/alert-*.yaml; a ratio uses two time series.
    alert_conditions: int = 8
    alert_series: int = 13
    # Uptime checks: three places, four times an hour.
    checks: int = 3 * 4 * 730


# With more images, more requests find and share a running instance. With little traffic and no
# uptime checks, which keep an instance running, one image in ten starts an instance.
LEVELS = {
    1_000: Use(),
    100_000: Use(shared_by=1.5, images_per_start=200),
    10_000_000: Use(shared_by=3.0, images_per_start=20_000),
}


def above(amount: float, free: float) -> float:
    """Return the part of an amount beyond the free tier."""
    return max(0.0, amount - free)


def month(images: int, use: Use, minimum_instances: int = 0) -> dict[str, float]:
    """Return the monthly cost in US dollars, by item."""
    # The page sends two small requests beside the classification.
    requests = images * (1 + 2 / 3) + use.checks
    seconds = images * use.instance_s / use.shared_by + images / use.images_per_start * use.start_s
    # Cloud Run bills at least 100 ms of a request.
    seconds += use.checks * 0.1
    idle = minimum_instances * 730 * 3600
    out_gib = images * use.answer_bytes / GIB
    page_gib = images / 3 * use.page_bytes / GIB
    in_gib = images * use.upload_bytes / GIB
    return {
        "function: CPU": above(seconds * use.cpus, FREE_CPU_SECONDS) * CPU_SECOND
        + idle * use.cpus * IDLE_CPU_SECOND,
        "function: memory": above(seconds * use.memory_gib, FREE_MEMORY_GIB_SECONDS)
        * MEMORY_GIB_SECOND
        + idle * use.memory_gib * IDLE_MEMORY_GIB_SECOND,
        "function: requests": above(requests, FREE_REQUESTS) * REQUEST,
        "load balancer": LOAD_BALANCER_MONTH + (in_gib + out_gib + page_gib) * LOAD_BALANCER_GIB,
        "rate limit": ARMOR_MONTH + requests * ARMOR_REQUEST,
        # Browsers revalidate the page at each visit; at worst the cache then asks the bucket.
        "traffic to visitors": out_gib * EGRESS_GIB + page_gib * (CDN_GIB + CDN_FILL_GIB),
        "page: look-ups": images / 3 * use.page_files * CDN_LOOKUP,
        "log": above(requests * use.log_bytes / GIB, FREE_LOG_GIB) * LOG_GIB,
        "releases and images": use.releases_gib * STORAGE_GIB_MONTH
        + above(use.images_gib, FREE_IMAGE_GIB) * IMAGE_GIB_MONTH,
        "alerts": use.alert_conditions * ALERT_CONDITION
        + use.alert_series * EVALUATIONS * ALERT_SERIES,
        "builds": above(use.deployments * use.build_minutes, FREE_BUILD_MINUTES) * BUILD_MINUTE,
    }


def table(minimum_instances: int = 0) -> str:
    """Format the months side by side as a Markdown table."""
    months = {images: month(images, use, minimum_instances) for images, use in LEVELS.items()}
    lines = [
        "| US dollars a month | " + " | ".join(f"{images:,} images" for images in months) + " |",
        "|---|" + "---:|" * len(months),
    ]
    for item in next(iter(months.values())):
        lines.append(f"| {item} | " + " | ".join(f"{m[item]:.2f}" for m in months.values()) + " |")
    total = " | ".join(f"**{sum(m.values()):.2f}**" for m in months.values())
    each = " | ".join(f"{sum(m.values()) / n * 1000:.2f}" for n, m in months.items())
    return "\n".join([*lines, f"| **total** | {total} |", f"| per 1,000 images | {each} |"])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minimum-instances", type=int, default=0)
    print(table(parser.parse_args().minimum_instances))
