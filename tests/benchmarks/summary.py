"""Summarizes the measured rounds: medians with their spread, ratios, goals, costs."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from infra import cost
from tests.benchmarks import floor
from tests.benchmarks.contenders import OURS, PAPER
from tests.benchmarks.inputs import HEIF, JPEG, LARGE, PNG

Results = dict[str, Any]

CLIENTS = (1, 8, 32)
FEW, MANY = 1, 8
# Threads of the interpreter for a single image.
WIDE = 2
# Every input with few and many clients; the small JPEG with all numbers of clients.
CELLS = (
    *((JPEG, clients) for clients in CLIENTS),
    *((name, clients) for name in (LARGE, PNG, HEIF) for clients in (FEW, MANY)),
)
# Measurements of contenders for comparison only.
BRIEF = ((JPEG, FEW), (JPEG, MANY))
MEBIBYTE = 1024**2
# Steps of instance memory, in MiB.
MEMORY_STEPS = (512, 1024, 2048, 4096, 8192)


@dataclass(frozen=True)
class Spread:
    """Median, minimum and maximum of the rounds."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Summarize values. Raises ValueError if there are none."""
        if not values:
            raise ValueError("nothing was measured")
        return cls(statistics.median(values), min(values), max(values))

    def text(self, digits: int | None = None) -> str:
        """Format the median with the range in parentheses; by default with three digits."""
        return f"{figure(self.median, digits)} ({figure(self.low, digits)}–" + (
            f"{figure(self.high, digits)})"
        )


def figure(value: float, digits: int | None = None) -> str:
    if digits is None:
        digits = 0 if value == 0 else max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{digits}f}"


def cell(name: str, clients: int) -> str:
    return f"{name}@{clients}"


def cells(results: Results, contender: str, name: str, clients: int, field: str) -> Spread:
    rounds = results["contenders"][contender]["cells"][cell(name, clients)]
    return Spread.of([measured[field] for measured in rounds])


def has(results: Results, contender: str, name: str, clients: int) -> bool:
    return cell(name, clients) in results["contenders"][contender]["cells"]


def first(results: Results, contender: str, store: bool = False) -> Spread:
    field = "store_s" if store else "first_s"
    return Spread.of(results["contenders"][contender][field])


def throughput(results: Results, contender: str) -> Spread:
    """Images per second at the best number of clients."""
    rates = [
        cells(results, contender, JPEG, clients, "rate") for clients in _of(results, contender)
    ]
    return max(rates, key=lambda rate: rate.median)


def memory(results: Results, contender: str) -> Spread:
    """Peak MiB over the rounds with the small JPEG and any number of clients."""
    peaks = [
        cells(results, contender, JPEG, clients, "peak_mib") for clients in _of(results, contender)
    ]
    return max(peaks, key=lambda peak: peak.median)


def _of(results: Results, contender: str) -> list[int]:
    return [clients for clients in CLIENTS if has(results, contender, JPEG, clients)]


def floor_ms(results: Results) -> float:
    """Median times of decoder and engine for the usual JPEG, without HTTP."""
    served = results["models"]["served"]
    engine = results["floor"]["engines"][f"LiteRT {served}, threads: {WIDE}"]
    return Spread.of(engine).median + Spread.of(results["floor"]["decoder"][JPEG]).median


def _way(results: Results, name: str) -> float:
    return Spread.of(results["floor"]["ways"][name]).median


def instance_gib(peak_mib: float) -> float:
    """Instance memory for a peak: the next step that leaves a quarter free."""
    need = peak_mib * 1.25
    return next((step for step in MEMORY_STEPS if step >= need), MEMORY_STEPS[-1]) / 1024


def per_million(rate: float, cpus: float, memory_gib: float) -> float:
    """US dollars for a million images on a fully used instance.

    10⁶ × ((cores × price of a core-second + GiB × price of a GiB-second) ÷ images a second
    + price of a request)
    """
    second = cpus * cost.CPU_SECOND + memory_gib * cost.MEMORY_GIB_SECOND
    return 1e6 * (second / rate + cost.REQUEST)


def dollars(results: Results, contender: str) -> float:
    booked = instance_gib(memory(results, contender).median)
    return per_million(throughput(results, contender).median, results["machine"]["cores"], booked)


@dataclass(frozen=True)
class Goal:
    text: str
    reached: str
    met: bool


def ratios(results: Results) -> dict[str, float]:
    """Factors of improvement over the paper's implementation in the same run, by medians."""
    paper_first = first(results, PAPER).median
    return {
        "first answer, file store": paper_first / first(results, OURS).median,
        "first answer, object storage": paper_first / first(results, OURS, store=True).median,
        "warm median latency": cells(results, PAPER, JPEG, FEW, "p50_ms").median
        / cells(results, OURS, JPEG, FEW, "p50_ms").median,
        "images a second": throughput(results, OURS).median / throughput(results, PAPER).median,
        "memory": memory(results, PAPER).median / memory(results, OURS).median,
        "deployed size": results["contenders"][PAPER]["bytes"]
        / results["contenders"][OURS]["bytes"],
        "cost for a million images": dollars(results, PAPER) / dollars(results, OURS),
    }


def goals(results: Results) -> list[Goal]:
    times = ratios(results)
    vnni = results["machine"]["vnni"]
    latency = 10 if vnni else 6.5
    found = [
        Goal(f"{name}: at least {least:g}× better", f"{times[name]:.1f}×", times[name] >= least)
        for name, least in (
            ("first answer, file store", 6),
            ("first answer, object storage", 4),
            ("warm median latency", latency),
            ("images a second", latency),
            ("memory", 4),
        )
    ]
    for text, spread, limit, unit in (
        ("memory under 160 MiB, small JPEG", memory(results, OURS), 160, "MiB"),
        ("first answer under 0.5 s", first(results, OURS), 0.5, "s"),
        ("from object storage under 0.8 s", first(results, OURS, store=True), 0.8, "s"),
    ):
        found.append(Goal(text, f"{spread.text()} {unit}", spread.median < limit))
    if vnni:
        above = _warm(results, OURS).median / floor_ms(results)
        found.append(Goal("warm median under 1.35× of the floor", f"{above:.2f}×", above < 1.35))
    many, one = (cells(results, OURS, JPEG, clients, "rate").median for clients in (MANY, FEW))
    found.append(
        Goal(
            f"images a second, {MANY} clients: at least 1.7× one client's",
            f"{many / one:.2f}×",
            many / one >= 1.7,
        )
    )
    if results["floor"]["ways"]:
        apart = _way(results, floor.APART) - _way(results, floor.HERE)
        found.append(Goal("a decoder process adds at most 0.5 ms", f"{apart:.2f} ms", apart <= 0.5))
    models = results["models"]
    accuracy = {row["name"]: row["balanced_accuracy"] for row in models["accuracy"]}
    lost = accuracy[f"float32-{models['size']}"] - accuracy[models["served"]]
    found.append(
        Goal(
            "balanced accuracy at most 0.005 below the float model",
            f"{-lost:+.4f} (validation)",
            round(lost, 4) <= 0.005,
        )
    )
    return found


def processor(results: Results) -> str:
    """Name of the processor, and whether it has int8 dot products, which speed up the network."""
    machine = results["machine"]
    return f"{machine['processor']}, {'with' if machine['vnni'] else 'without'} VNNI"


def headline(results: Results) -> str:
    """Format the README's lines as Markdown."""
    machine = results["machine"]
    rows = [
        ("first answer after a cold start", first, "s"),
        ("warm latency, median of one client", _warm, "ms"),
        ("images a second, at most", throughput, ""),
        ("memory, at most", memory, "MiB"),
    ]
    times = ratios(results)
    factors = (
        times["first answer, file store"],
        times["warm median latency"],
        times["images a second"],
        times["memory"],
    )
    lines = [
        f"600×450 JPEG over HTTP, both in one run on {machine['cores']} cores "
        f"({processor(results)}, {machine['date'][:10]}); all of it, with its spread, is in",
        "[RESULTS.md](RESULTS.md):",
        "",
        "| | LesionLens | the paper's way (Flask, Keras) | |",
        "|---|---:|---:|---:|",
    ]
    for (title, read, unit), factor in zip(rows, factors, strict=True):
        ours, paper = (figure(read(results, name).median) for name in (OURS, PAPER))
        lines.append(
            f"| {title} | {ours} {unit} | {paper} {unit} | {factor:.1f}× |".replace("  ", " ")
        )
    from_store = first(results, OURS, store=True).median
    lines += [
        "",
        f"With the model in (emulated) object storage the first answer takes {from_store:.2f} s.",
    ]
    return "\n".join(lines)


def _warm(results: Results, contender: str) -> Spread:
    return cells(results, contender, JPEG, FEW, "p50_ms")
