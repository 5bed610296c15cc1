"""The floor: the engines with a decoded tensor, and the decoder, without HTTP.

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

WARM, RUNS = 3, 60
LIMIT_S = 2.0


def median_ms(act: Callable[[], Any]) -> float:
    """The median of up to RUNS runs, as many as LIMIT_S allows."""
    for _ in range(WARM):
        act()
    taken: list[float] = []
    ends = time.perf_counter() + LIMIT_S
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
    for threads in (1, 2):
        run = onnx_engine.Runner(graph, threads)
        found[f"ONNX Runtime float32, threads: {threads}"] = median_ms(partial(run, image=image))
    return found


def decoder(folder: Path, size: int) -> dict[str, float]:
    """Decoding and shrinking to the model's input, of each input file."""
    from lesionlens.imaging import decode, preprocess

    rule = preprocess.Preprocessing(size)

    def prepare(data: bytes) -> None:
        preprocess.tensor(decode.decode(data).image, rule)

    return {
        path.name: median_ms(partial(prepare, path.read_bytes()))
        for path in sorted(folder.iterdir())
    }


if __name__ == "__main__":
    from tests.benchmarks import models

    where, files = Path(sys.argv[1]), Path(sys.argv[2])
    side = json.loads((where / models.ABOUT).read_text())["size"]
    print(json.dumps({"engines": engines(where), "decoder": decoder(files, side)}))
