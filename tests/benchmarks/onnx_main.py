"""Our function with ONNX Runtime in LiteRT's place: what the choice of the engine is worth.

Everything else is ours: the release whose ``model.tflite`` holds an ONNX graph here is read and
checked in the same way.
"""

import runpy
from pathlib import Path

from lesionlens.model import classifier
from lesionlens.model.manifest import MODEL
from lesionlens.model.release import Release
from tests.benchmarks.onnx_engine import Runner


def _runner(release: Release, threads: int) -> Runner:
    return Runner(release.files[MODEL], threads)


classifier._runner = _runner

_FUNCTION = Path(__file__).resolve().parents[2] / "function" / "main.py"
classify = runpy.run_path(str(_FUNCTION))["classify"]  # the entry point
