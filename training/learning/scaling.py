"""Benchmark of distributed training by number of workers: `python -m training.learning.scaling`.

One and two workers are measured, each on its own core; more workers are extrapolated from these
figures. The result, with its arithmetic, is `SCALING.md`.
"""

import argparse
import dataclasses
import json
import os
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from msgspec.structs import replace

TRAINING = Path(__file__).parents[1]
WORKERS = (1, 2)
# Measured are the configuration's network and augmentation, at a small input size.
CONFIG, SIZE, BATCH = "full", 96, 32
# Numbers of steps; the first ones compile and are not timed.
STEPS, LEFT_OUT = 14, 4
LIMIT_S = 600

# Bytes sent in a step: the gradients, and two sums of each normalization, forward and backward.
WEIGHTS = 3_200_000
BYTES = 4 * WEIGHTS
MESSAGES = 27 * 4
# Assumptions about the network between machines of one region; not measured.
BYTES_PER_S = 10e9 / 8
LATENCY_S = 50e-6
ON_PAPER = (1, 2, 4, 8, 16)


@dataclass(frozen=True)
class Step:
    """Duration of one step in seconds: in total, and for preparing the batch."""

    all_s: float
    batch_s: float


def exchange_s(workers: int) -> float:
    """Seconds of a ring all-reduce of gradients and normalization statistics."""
    volume = 2 * (workers - 1) / workers * BYTES
    return volume / BYTES_PER_S + MESSAGES * 2 * (workers - 1) * LATENCY_S


def on_paper(one: Step, workers: int) -> float:
    """Extrapolate the seconds of a step with several workers from those with one.

    The network's work is divided. Every worker prepares the whole batch, so that batches do not
    depend on the number of workers, and keeps its own rows.
    """
    return (one.all_s - one.batch_s) / workers + one.batch_s + exchange_s(workers)


def text(measured: dict[int, Step]) -> str:
    """Format SCALING.md."""
    one = measured[1]
    lines = [
        "# How time falls with workers",
        "",
        "Written by `python -m training.learning.scaling`. One step of `full`'s network: "
        f"{BATCH} images of {SIZE} pixels, the same global batch for any number of workers. "
        "Measured on one machine, each worker on one core, joined over loopback, where the "
        "exchange takes its time from those same cores:",
        "",
        "| workers | step, ms | of which making the batch, ms | faster by |",
        "|---:|---:|---:|---:|",
    ]
    for workers, step in measured.items():
        lines.append(
            f"| {workers} | {1e3 * step.all_s:.0f} | {1e3 * step.batch_s:.0f} "
            f"| {one.all_s / step.all_s:.2f} |"
        )
    lines += [
        "",
        "On paper, for machines as fast as one core here. A step of n workers takes "
        f"({1e3 * one.all_s:.0f} - {1e3 * one.batch_s:.0f}) / n ms for the network, "
        f"{1e3 * one.batch_s:.0f} ms for the batch, which every worker makes whole, and for the "
        f"exchange 2 (n - 1) / n × {BYTES / 1e6:.1f} MB ÷ {BYTES_PER_S / 1e9:.2f} GB/s + "
        f"{MESSAGES} × 2 (n - 1) × {1e6 * LATENCY_S:.0f} µs. "
        "The speed and latency of the network are assumptions.",
        "",
        "| workers | network, ms | batch, ms | exchange, ms | step, ms | faster by |",
        "|---:|---:|---:|---:|---:|---:|",
    ]
    for workers in ON_PAPER:
        step_s = on_paper(one, workers)
        lines.append(
            f"| {workers} | {1e3 * (one.all_s - one.batch_s) / workers:.0f} "
            f"| {1e3 * one.batch_s:.0f} | {1e3 * exchange_s(workers):.1f} "
            f"| {1e3 * step_s:.0f} | {one.all_s / step_s:.2f} |"
        )
    return "\n".join(lines) + "\n"


def measure(workers: int, steps: int = STEPS) -> Step:
    """Start workers, each on its own core; return the chief's time of a step."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    pools = {"chief": [f"localhost:{port}"], "worker": [f"w{n}:1" for n in range(1, workers)]}
    cores = sorted(os.sched_getaffinity(0))
    if workers > len(cores):
        raise ValueError(f"{workers} workers need as many cores; there are {len(cores)}")
    started = []
    for index in range(workers):
        task = {"type": "worker", "index": index - 1} if index else {"type": "chief", "index": 0}
        environment = {
            **os.environ,
            "KERAS_BACKEND": "jax",
            "TF_CONFIG": json.dumps({"cluster": pools, "task": task}),
        }
        command = [sys.executable, "-m", "training.learning.scaling"]
        command += ["--core", str(cores[index]), "--steps", str(steps)]
        started.append(
            subprocess.Popen(command, cwd=TRAINING.parent, env=environment, stdout=subprocess.PIPE)
        )
    try:
        outputs = [process.communicate(timeout=LIMIT_S)[0] for process in started]
    finally:
        for process in started:
            process.kill()
    if any(process.returncode for process in started):
        raise RuntimeError(f"a worker of {workers} ended without a result")
    return Step(**json.loads(outputs[0].splitlines()[-1]))


def work(core: int, steps: int) -> Step:
    """Run one worker: train for some steps and time them."""
    # Must precede the import of JAX, which counts the cores.
    os.sched_setaffinity(0, {core})
    from .. import config
    from ..data.dataset import CLASSES, HAM10000
    from . import cluster, fit, malloc, mobilenet
    from .batches import Batches, Examples

    malloc.keep_what_is_freed()
    settings = config.load(CONFIG)
    settings = replace(settings, training=replace(settings.training, batch=BATCH))
    width, height = settings.data.frame
    frames = np.random.default_rng(0).integers(0, 255, (BATCH, height, width, 3), np.uint8)
    count = BATCH * steps
    labels = np.arange(count) % len(CLASSES)
    # The same few frames stand for all positions.
    examples = Examples(
        np.broadcast_to(frames[:1], (count, height, width, 3)),
        labels,
        np.arange(count),
        frames[:0],
        labels[:0],
        np.full(count, HAM10000),
        np.full(0, HAM10000),
    )
    team = cluster.from_environment(os.environ)
    with cluster.joined(team):
        # All workers must start with the same weights.
        network = mobilenet.build(
            len(CLASSES), settings.width, settings.training.dropout, None, settings.seed
        )
        fit.prepare(network, settings, examples, fit.Leg(SIZE, 0, 1, head_only=False))
        batches = Batches(examples, settings, SIZE, 0, team)
        all_s, batch_s = [], []
        for index in range(steps):
            started = time.perf_counter()
            images, truth = batches[index]
            made = time.perf_counter()
            # Waits for the loss, hence for the end of the step.
            network.train_on_batch(images, truth)
            batch_s.append(made - started)
            all_s.append(time.perf_counter() - started)
    return Step(float(np.median(all_s[LEFT_OUT:])), float(np.median(batch_s[LEFT_OUT:])))


def main(arguments: list[str] | None = None) -> None:
    """Measure and write SCALING.md; with --core, run one of the measured workers."""
    parser = argparse.ArgumentParser(
        prog="python -m training.learning.scaling", description=__doc__
    )
    parser.add_argument("--core", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--steps", type=int, default=STEPS, help="(%(default)s)")
    options = parser.parse_args(arguments)
    if options.core is not None:
        print(json.dumps(dataclasses.asdict(work(options.core, options.steps))))
        return
    written = text({workers: measure(workers, options.steps) for workers in WORKERS})
    (TRAINING / "SCALING.md").write_text(written)
    print(written)


if __name__ == "__main__":
    main()
