"""ONNX Runtime, called as LiteRT is."""

from typing import Any

import numpy as np

from lesionlens.classifier import ACTIVATION_MAPS, IMAGE, LOGITS


class Runner:
    """An ONNX Runtime session that is called as LiteRT's signature runner is."""

    def __init__(self, model: bytes, threads: int) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.session = onnxruntime.InferenceSession(
            model, options, providers=["CPUExecutionProvider"]
        )
        (self.input,) = self.session.get_inputs()
        # tf2onnx does not keep the names of the outputs: the maps are the one with four axes.
        self.outputs = {
            ACTIVATION_MAPS if len(found.shape) == 4 else LOGITS: index
            for index, found in enumerate(self.session.get_outputs())
        }

    def __call__(self, image: Any) -> dict[str, Any]:
        found = self.session.run(None, {self.input.name: image})
        return {name: found[index] for name, index in self.outputs.items()}

    def get_input_details(self) -> dict[str, dict[str, Any]]:
        return {IMAGE: {"shape": np.array(self.input.shape)}}
