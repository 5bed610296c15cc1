"""Our function with ONNX Runtime in LiteRT's place: what the choice of the engine is worth.

Everything else is ours: the release whose ``model.tflite`` holds an ONNX graph here is read and
checked in the same way.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2] / "function"))

from lesionlens import classifier  # noqa: E402
from lesionlens.release import Release  # noqa: E402


class Runner:
    """An ONNX Runtime session that is called as LiteRT's signature runner is."""

    def __init__(self, model: bytes) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            model, options, providers=["CPUExecutionProvider"]
        )
        (self.input,) = self.session.get_inputs()
        # tf2onnx does not keep the names of the outputs: the maps are the one with four axes.
        self.outputs = {
            classifier.ACTIVATION_MAPS if len(found.shape) == 4 else classifier.LOGITS: index
            for index, found in enumerate(self.session.get_outputs())
        }

    def __call__(self, image: Any) -> dict[str, Any]:
        found = self.session.run(None, {self.input.name: image})
        return {name: found[index] for name, index in self.outputs.items()}

    def get_input_details(self) -> dict[str, dict[str, Any]]:
        return {classifier.IMAGE: {"shape": np.array(self.input.shape)}}


def _runner(release: Release) -> Runner:
    return Runner(release.model)


classifier._runner = _runner

from main import classify  # noqa: F401 - the entry point
