"""Lower bounds: time of the engines on a decoded tensor, and of the decoder, without HTTP.

`python -m tests.benchmarks.floor MODELS INPUTS` prints medians in milliseconds as JSON.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

WARM, RUNS = 3, 60
LIMIT_S = 1.0
TURNS = 5
SHRUNK = "shrunk while it is decoded, in the process"
HERE = "by the rule, in the process"
APART = "by the rule, in a decoder process"


def median_ms(act: Callable[[], Any], limit_s: float = LIMIT_S) -> float:
    """Median of up to RUNS runs, as many as ``limit_s`` permits."""
    for _ in range(WARM):
        act()
    taken: list[float] = []
    ends = time.perf_counter() + limit_s
    while len(taken) < RUNS and (not taken or time.perf_counter() < ends):
        started = time.perf_counter()
        act()
        taken.append(time.perf_counter() - started)
    return 1e3 * statistics.median(taken)


def engines(folder: Path) -> dict[str, float]:
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter

    from lesionlens.model.classifier import SIGNATURE
    from tests.benchmarks import models, onnx_engine

    size = json.loads((folder / models.ABOUT).read_text())["size"]
    image = np.random.default_rng(1).uniform(0, 255, (1, size, size, 3)).astype(np.float32)
    found = {}
    for path in sorted(folder.glob(f"*{models.TFLITE}")):
        for threads in (1, 2):
            interpreter = Interpreter(str(path), num_threads=threads)
            run = interpreter.get_signature_runner(SIGNATURE)
            found[f"LiteRT {path.stem}, threads: {threads}"] = median_ms(partial(run, image=image))
    graph = (folder / models.ONNX).read_bytes()
    served = json.loads((folder / models.ABOUT).read_text())["served"]
    for threads in (1, 2):
        run = onnx_engine.Runner(graph, threads)
        found[f"ONNX Runtime {served}, threads: {threads}"] = median_ms(partial(run, image=image))
    return found


def decoder(folder: Path, size: int) -> dict[str, float]:
    """Time of decoding and shrinking each input file to the model's input."""
    from lesionlens.imaging import model_input, preprocess

    rule = model_input.Preprocessing(size)
    return {
        path.name: median_ms(partial(preprocess.prepare, path.read_bytes(), rule))
        for path in sorted(folder.iterdir())
    }


def ways(image: Path, size: int) -> dict[str, float]:
    """Time from the usual JPEG to the model's input: cost of the decode rule and of the process.

    The variants alternate, so that other load on the machine affects each equally.
    """
    from lesionlens.imaging import decode, decoder_pool, model_input, preprocess

    rule, data = model_input.Preprocessing(size), image.read_bytes()
    pool = decoder_pool.DecoderPool()

    def shrunk() -> None:
        # Maximum shrinking while decoding JPEG, which the rule forbids for small pictures.
        with mock.patch.object(decode, "FULL_SIDE", size):
            preprocess.prepare(data, rule)

    sides: dict[str, Callable[[], Any]] = {
        SHRUNK: shrunk,
        HERE: lambda: preprocess.prepare(data, rule),
        APART: lambda: pool.prepare(data, rule),
    }
    taken: dict[str, list[float]] = {name: [] for name in sides}
    try:
        for _ in range(TURNS):
            for name, act in sides.items():
                taken[name].append(median_ms(act, LIMIT_S / TURNS))
    finally:
        pool.close()
    return {name: statistics.median(found) for name, found in taken.items()}


if __name__ == "__main__":
    from tests.benchmarks import inputs, models

    where, files = Path(sys.argv[1]), Path(sys.argv[2])
    side = json.loads((where / models.ABOUT).read_text())["size"]
    print(
        json.dumps(
            {
                "engines": engines(where),
                "decoder": decoder(files, side),
                "ways": ways(files / inputs.JPEG, side),
            }
        )
    )
