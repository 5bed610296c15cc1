"""Measures the effect of each optimization: `python -m tests.benchmarks.steps`.

Writes the table of STEPS.md; the text around it is written by hand. Measurements with and without
an optimization alternate in one run; figures are medians with their spread.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from numpy.typing import NDArray

from lesionlens.imaging import decode, preprocess
from lesionlens.imaging.model_input import Preprocessing
from lesionlens.model import release
from lesionlens.model.classifier import Classifier, Outputs
from lesionlens.model.file_store import FileStore
from lesionlens.model.release import Release
from tests import releases
from tests.benchmarks import floor, inputs, load, machine, process, report
from tests.benchmarks.summary import Spread
from tests.conftest import RELEASES, ROOT

REPORT = Path(__file__).with_name("STEPS.md")
ROUNDS = 5
SECONDS = 2.0
CROWD = 8
EACH, MEMORY = "time for an image", "memory"
# Modules that a usual request does not need, found with `python -X importtime`.
EAGER = "import pi_heif, pydicom, redis, PIL.Image; PIL.Image.init(); "
STORAGE = "import google.cloud.storage"
FUNCTION = "import sys; sys.path.insert(0, 'function'); import main"
# Measures with or without an optimization, in its unit.
Side = Callable[[], float]


@dataclass(frozen=True)
class Step:
    """An optimization, with measurements without and with it."""

    what: str
    measured: str
    unit: str
    without: Side
    after: Side


@dataclass(frozen=True)
class Bought:
    step: Step
    without: Spread
    after: Spread

    @property
    def row(self) -> tuple[str, ...]:
        times = self.without.median / self.after.median
        unit = self.step.unit
        sides = (f"{side.text()} {unit}" for side in (self.without, self.after))
        apart = self.without.low > self.after.high or self.without.high < self.after.low
        said = f"{times:.2f}" if apart else f"{times:.2f}, ranges overlap"
        return (self.step.what, self.step.measured, *sides, said)


def buy(step: Step, rounds: int) -> Bought:
    """Measure both sides alternately; the first, uncounted measurement fills caches."""
    sides: tuple[list[float], list[float]] = ([], [])
    for index in range(rounds + 1):
        order = ((0, step.without), (1, step.after))
        for side, measure in order if index % 2 else reversed(order):
            value = measure()
            if index:
                sides[side].append(value)
    return Bought(step, Spread.of(sides[0]), Spread.of(sides[1]))


def render(bought: list[Bought], described: Mapping[str, Any], rounds: int) -> str:
    """Format the block of STEPS.md."""
    return "\n\n".join(
        (
            f"{described['date']}, commit {described['commit']}, release {releases.VERSION}. "
            f"{described['processor']}, {described['cores']} cores. Both sides in turn, {rounds} "
            "rounds; medians with the lowest and the highest in parentheses. Quantization and the "
            "engine are in [RESULTS.md](RESULTS.md), where each variant is a server of its own.",
            report.table(
                ("step", "measured", "without", "with", "without ÷ with"),
                [one.row for one in bought],
            ),
        )
    ) + "\n"  # fmt: skip


def steps(folder: Path) -> Iterator[Step]:
    """All optimizations, in the order of a request's path; servers log to ``folder``."""
    files, _ = inputs.make()
    loaded = release.load(FileStore(RELEASES), release.CURRENT)
    yield from _imports()
    yield from _starts(files[inputs.JPEG], folder)
    yield from _decoding(files, loaded.manifest.preprocessing)
    yield from _threads(loaded)
    yield from _servers(files[inputs.JPEG], folder)


def _imports() -> Iterator[Step]:
    for what, eager in (
        ("HEIC, DICOM, Redis and other formats imported only when needed", EAGER),
        ("the storage client imported only where the model is in a bucket", f"{STORAGE}; "),
    ):
        yield Step(
            what,
            "importing the function",
            "s",
            partial(_python, "", eager + FUNCTION),
            partial(_python, "", FUNCTION),
        )
    yield Step(
        "no garbage collection during the storage client's import",
        "importing it after the function",
        "s",
        partial(_python, FUNCTION, STORAGE),
        partial(_python, f"{FUNCTION}; import gc; gc.disable()", STORAGE),
    )


def _python(before: str, code: str) -> float:
    """Seconds of running code in a new interpreter, after running ``before``."""
    timed = f"{before}\nimport time; started = time.perf_counter()\n{code}\n"
    timed += "print(time.perf_counter() - started)"
    command = [sys.executable, "-c", timed]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return float(done.stdout.split()[-1])


def _starts(photograph: bytes, folder: Path) -> Iterator[Step]:
    def first_after_ready(preload: str) -> float:
        with _server(folder, PRELOAD_MODEL=preload) as server:
            server.first("/health")
            time.sleep(1)  # the first visitor arrives when the instance is ready
            return 1e3 * load.once(server, photograph)

    yield Step(
        "PRELOAD_MODEL=1",
        "the first image, a second after the start",
        "ms",
        partial(first_after_ready, "0"),
        partial(first_after_ready, "1"),
    )


def _decoding(files: dict[str, bytes], rule: Preprocessing) -> Iterator[Step]:
    def prepare(data: bytes, full_side: int) -> float:
        with mock.patch.object(decode, "FULL_SIDE", full_side):
            return floor.median_ms(lambda: preprocess.tensor(decode.decode(data).image, rule))

    yield Step(
        "decoding no more than is needed (JPEG drafts, whole factors)",
        f"{inputs.LARGE} to the model's input",
        "ms",
        partial(prepare, files[inputs.LARGE], sys.maxsize),
        partial(prepare, files[inputs.LARGE], decode.FULL_SIDE),
    )


def _threads(loaded: Release) -> Iterator[Step]:
    one_at_a_time, several = Classifier(loaded, 1), Classifier(loaded, 2)
    size = loaded.manifest.preprocessing.size
    tensor = np.zeros((1, size, size, 3), np.float32)

    def narrow() -> Outputs:
        # The interpreter with all cores is occupied without computing.
        with several._runner():
            return several.run(tensor)

    yield Step(
        "all cores for an image that is alone",
        "the network, one image",
        "ms",
        lambda: floor.median_ms(narrow),
        lambda: floor.median_ms(lambda: several.run(tensor)),
    )
    yield Step(
        "an interpreter for each core",
        "the network, two images at a time: each",
        "ms",
        partial(_together, one_at_a_time, tensor),
        partial(_together, several, tensor),
    )


def _together(classifier: Classifier, tensor: NDArray[np.float32], images: int = 60) -> float:
    """Milliseconds per image with two threads that continuously classify."""
    with ThreadPoolExecutor(2) as pool:
        started = time.perf_counter()
        list(pool.map(lambda _: classifier.run(tensor), range(images)))
        return 1e3 * (time.perf_counter() - started) / images


def _servers(photograph: bytes, folder: Path) -> Iterator[Step]:
    def under_load(measured: str, **environment: str) -> float:
        with _server(folder, **environment) as server:
            server.first("/ready")
            load.once(server, photograph)
            rate = load.post(server.url, photograph, CROWD, SECONDS).rate
            return server.pss_mib() if measured == MEMORY else 1e3 / rate

    usual, one = {"THREADS": str(4 * (os.cpu_count() or 1))}, {"THREADS": "1"}
    for what, measured, unit, without in (
        ("four threads a core, not one in all", EACH, "ms", one),
        ("one worker, not two", EACH, "ms", {**usual, "WORKERS": "2"}),
        ("one worker, not two", MEMORY, "MiB", {**usual, "WORKERS": "2"}),
    ):
        yield Step(
            what,
            f"{CROWD} clients: {measured}",
            unit,
            partial(under_load, measured, **without),
            partial(under_load, measured, **usual),
        )


def _server(folder: Path, **environment: str) -> AbstractContextManager[process.Running]:
    return process.running(process.function(), environment, folder / "server.txt")


def main(rounds: int = ROUNDS, to: Path = REPORT) -> None:
    process.end_on_sigterm()
    described = machine.describe()
    bought = []
    with tempfile.TemporaryDirectory(prefix="lesionlens-steps-") as folder:
        for step in steps(Path(folder)):
            bought.append(buy(step, rounds))
            print(" | ".join(bought[-1].row), flush=True)
    to.write_text(report.replaced(to.read_text(), render(bought, described, rounds)))


if __name__ == "__main__":
    main()
