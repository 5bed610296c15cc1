"""ONNX Runtime with the interface of LiteRT."""

from typing import Any

import numpy as np

from lesionlens.model.classifier import IMAGE


class Runner:
    """An ONNX Runtime session with the interface of LiteRT's signature runner."""

    def __init__(self, model: bytes, threads: int) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.session = onnxruntime.InferenceSession(
            model, options, providers=["CPUExecutionProvider"]
        )
        (self.input,) = self.session.get_inputs()
        self.outputs = [found.name for found in self.session.get_outputs()]

    def __call__(self, image: Any) -> dict[str, Any]:
        return dict(
            zip(self.outputs, self.session.run(None, {self.input.name: image}), strict=True)
        )

    def get_input_details(self) -> dict[str, dict[str, Any]]:
        return {IMAGE: {"shape": np.array(self.input.shape)}}
