"""Plots latency and memory by size and by number of clients."""

from pathlib import Path

from tests.benchmarks.contenders import COMPILED, ONNX, OURS, PAPER
from tests.benchmarks.inputs import JPEG, SIZES
from tests.benchmarks.summary import CLIENTS, FEW, Results, cells, has

FILES = ("clients.png", "sizes.png")
SHOWN = (OURS, ONNX, COMPILED, PAPER)
STYLES = dict(zip(SHOWN, ("o-", "s--", "^-.", "D:"), strict=True))


def draw(results: Results, folder: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")

    clients = [(count, str(count)) for count in CLIENTS]
    known = [
        name
        for name in SHOWN
        if name in results["contenders"]
        and all(has(results, name, JPEG, count) for count in CLIENTS)
    ]
    _pair(
        results, folder / FILES[0], "clients at a time", known,
        {name: [(count, JPEG, count) for count, _ in clients] for name in known},
    )  # fmt: skip
    grown = [name for name in known if has(results, name, next(iter(SIZES)), FEW)]
    _pair(
        results, folder / FILES[1], "megapixels of the JPEG, one client", grown,
        {
            name: [(width * height / 1e6, size, FEW) for size, (width, height) in SIZES.items()]
            for name in grown
        },
    )  # fmt: skip


def _pair(
    results: Results,
    path: Path,
    across: str,
    names: list[str],
    points: dict[str, list[tuple[float, str, int]]],
) -> None:
    """Latency on the left, memory on the right, both axes logarithmic."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for axis, field, title in (
        (axes[0], "p50_ms", "latency, median (ms)"),
        (axes[1], "peak_mib", "memory, peak (MiB)"),
    ):
        for name in names:
            measured = [(x, cells(results, name, size, n, field)) for x, size, n in points[name]]
            xs, spreads = [x for x, _ in measured], [spread for _, spread in measured]
            middle = [spread.median for spread in spreads]
            axis.plot(xs, middle, STYLES[name], label=results["contenders"][name]["title"])
            axis.fill_between(xs, [s.low for s in spreads], [s.high for s in spreads], alpha=0.2)
        axis.set(xlabel=across, ylabel=title, xscale="log", yscale="log")
        axis.grid(visible=True, which="both", alpha=0.3)
    axes[0].legend(fontsize=8)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
