"""Our function with ONNX Runtime in place of LiteRT, to compare the engines.

Everything else is the same; ``model.tflite`` of the release contains an ONNX graph.
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
