"""Loads the weights of a release's LiteRT model into the Keras network, to start a training."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from . import mobilenet

CONVOLUTIONS = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)


@dataclass(frozen=True)
class Folded:
    """A convolution into which its batch normalization was folded."""

    kernel: NDArray[np.float32]  # in Keras's layout
    bias: NDArray[np.float32]


def restore(network: keras.Model, data: bytes, batches: Iterable[NDArray[np.float32]]) -> None:
    """Load the weights of a LiteRT model that was exported from the same architecture.

    The export folded every batch normalization into the convolution before it. They are restored
    with the statistics of ``batches`` of (N, S, S, 3) images: the network then gives the release's
    outputs, and its normalizations can be trained. Raises ValueError for another architecture.
    """
    *folded, head = _convolutions(data)
    backbone = network.get_layer(mobilenet.BACKBONE)
    layers = [layer for layer in backbone.layers if type(layer) in CONVOLUTIONS]
    norms = [la for la in backbone.layers if isinstance(la, keras.layers.BatchNormalization)]
    shapes = [layer.kernel.shape for layer in layers]
    if [tuple(entry.kernel.shape) for entry in folded] != [tuple(shape) for shape in shapes]:
        raise ValueError("the release to start from is of another network than this configuration")
    for layer, norm, entry in zip(layers, norms, folded, strict=True):
        layer.set_weights([entry.kernel])
        channels = len(entry.bias)
        _normalize(norm, entry.bias, np.zeros(channels), np.ones(channels))
    network.get_layer(mobilenet.HEAD).set_weights([head.kernel[0, 0], head.bias])

    before = keras.Model(backbone.inputs, [layer.output for layer in layers])
    scale = network.get_layer("scale")
    sums = [
        [_moments(keras.ops.convert_to_numpy(output)) for output in before(scale(batch))]
        for batch in batches
    ]
    for norm, entry, moments in zip(norms, folded, zip(*sums, strict=True), strict=True):
        mean, square = np.mean(moments, axis=0)
        _normalize(norm, entry.bias, mean, np.maximum(square - mean**2, 0))


def _normalize(
    norm: keras.layers.BatchNormalization,
    bias: NDArray[np.float32],
    mean: NDArray[np.floating[Any]],
    variance: NDArray[np.floating[Any]],
) -> None:
    """Set a normalization to these moments so that its only effect is to add ``bias``."""
    gamma = np.sqrt(variance + norm.epsilon)
    norm.set_weights([gamma, mean + bias, mean, variance])


def _moments(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """(2, C): mean and mean square of each channel of (N, H, W, C) values."""
    flat = values.reshape(-1, values.shape[-1]).astype(np.float64)
    return np.stack([flat.mean(axis=0), (flat**2).mean(axis=0)])


def _convolutions(data: bytes) -> list[Folded]:
    """The convolutions of a LiteRT model in order, the head's last, with dequantized weights."""
    interpreter = Interpreter(model_content=data)
    tensors = {tensor["index"]: tensor for tensor in interpreter.get_tensor_details()}

    def constant(index: int) -> NDArray[np.float32]:
        values = interpreter.get_tensor(index)
        quantized = tensors[index]["quantization_parameters"]
        if not len(quantized["scales"]):
            return np.asarray(values, np.float32)
        shape = [1] * values.ndim
        shape[quantized["quantized_dimension"]] = -1
        scales, zeros = (quantized[key].reshape(shape) for key in ("scales", "zero_points"))
        return np.asarray((values.astype(np.float64) - zeros) * scales, np.float32)

    found, operations = [], interpreter._get_ops_details()
    for operation in operations:
        # Kernels are (out, height, width, in), depthwise ones (1, height, width, out).
        if operation["op_name"] in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            _, kernel, bias = operation["inputs"]
            found.append(Folded(constant(kernel).transpose(1, 2, 3, 0), constant(bias)))
    # A bias of the head that is not 0 is added after the average over the image (export.py).
    kernel = found[-1].kernel
    added = [op["inputs"][1] for op in operations if op["op_name"] == "ADD"]
    biases = [constant(index) for index in added if tensors[index]["shape"].prod() == len(kernel.T)]
    bias = biases[-1].reshape(-1) if biases else np.zeros(len(kernel.T), np.float32)
    found[-1] = Folded(kernel, bias)
    return found
