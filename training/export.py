"""From the Keras model to LiteRT: every variant measured, the best one chosen, parity enforced."""

import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray
from tqdm import tqdm

from lesionlens.classifier import ACTIVATION_MAPS, LOGITS, SIGNATURE

from . import metrics, model

# How far the probabilities of a variant may be from Keras's, on average over real images and
# classes. A larger difference is a fault of the conversion, not of the rounding.
PARITY_BOUNDS = {"float32": 1e-4, "float16": 5e-3, "int8": 2e-2}
# The balanced accuracy that a faster variant may cost.
ACCURACY_BOUND = 0.005
# Latencies this close count as equal; the smaller file then wins.
LATENCY_TIE = 1.1
LATENCY_RUNS = 50
CALIBRATION_IMAGES = 200


class ParityError(ValueError):
    """The exported model does not answer as the Keras model does."""


@dataclass(frozen=True)
class Variant:
    name: str
    data: bytes
    latency_ms: float  # median of one image, one thread
    balanced_accuracy: float  # on the validation part
    parity: float  # mean absolute difference of probabilities to Keras

    def row(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "bytes": len(self.data),
            "latency_ms": round(self.latency_ms, 2),
            "balanced_accuracy": round(self.balanced_accuracy, 4),
            "parity": float(f"{self.parity:.2g}"),
        }


def export(
    network: keras.Model,
    calibration: NDArray[np.uint8],
    frames: NDArray[np.uint8],
    labels: NDArray[np.int64],
) -> tuple[Variant, list[Variant], dict[str, str]]:
    """Convert to each variant, judge it; return the one to ship, all of them, and why some are not.

    ``calibration`` (K, S, S, 3) uint8: training images for int8; ``frames`` (V, S, S, 3) uint8 and
    ``labels`` (V,): the validation part. Raises ParityError if float32 is not what Keras is.
    """
    expected = predict_keras(network, frames)
    variants, refused = [], {}
    for name, bound in tqdm(PARITY_BOUNDS.items(), "exporting", unit="variant"):
        data = convert(network, name, calibration)
        logits = predict(data, frames)
        parity = float(np.abs(metrics.softmax(logits) - metrics.softmax(expected)).mean())
        if parity <= bound:
            accuracy = metrics.balanced_accuracy(labels, logits)
            variants.append(Variant(name, data, _latency_ms(data, frames), accuracy, parity))
            continue
        refused[name] = (
            f"differs from Keras by {parity:.2g} in probability on average over {len(frames)} "
            f"images; at most {bound:.2g} is accepted"
        )
    if "float32" in refused:
        # Without rounding there is no excuse: the conversion itself is at fault.
        raise ParityError(f"float32 {refused['float32']}")
    return choose(variants), variants, refused


def choose(variants: Sequence[Variant]) -> Variant:
    """The fastest variant that costs at most `ACCURACY_BOUND`; of equals the smallest."""
    float32 = next(variant for variant in variants if variant.name == "float32")
    least = float32.balanced_accuracy - ACCURACY_BOUND
    accurate = [variant for variant in variants if variant.balanced_accuracy >= least]
    fastest = min(variant.latency_ms for variant in accurate)
    fast = [variant for variant in accurate if variant.latency_ms <= fastest * LATENCY_TIE]
    return min(fast, key=lambda variant: len(variant.data))


def convert(network: keras.Model, variant: str, calibration: NDArray[np.uint8]) -> bytes:
    """Return a LiteRT model from (1, S, S, 3) raw RGB to the outputs that serving reads.

    S is that of the ``calibration`` images, (K, S, S, 3) uint8.
    """
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    backbone, head = network.get_layer(model.BACKBONE), network.get_layer(model.HEAD)
    scale = network.get_layer("scale")
    kernel = tf.constant(head.kernel.numpy()[np.newaxis, np.newaxis])
    bias = tf.constant(head.bias.numpy())

    def serve(image: Any) -> tuple[Any, Any]:
        # The head is linear: averaging its output is the same as applying it to the average.
        maps = tf.nn.conv2d(backbone(scale(image), training=False), kernel, 1, "VALID")
        return maps, tf.reduce_mean(maps, axis=(1, 2)) + bias

    spec = tf.TensorSpec((1, *calibration.shape[1:]), tf.float32, name="image")
    # Weights become constants here: left as variables, the converter loses Keras 3's.
    frozen = convert_variables_to_constants_v2(tf.function(serve).get_concrete_function(spec))
    module = tf.Module()
    module.serve = tf.function(
        lambda image: dict(zip((ACTIVATION_MAPS, LOGITS), frozen(image), strict=True)),
        input_signature=[spec],
    )
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures={SIGNATURE: module.serve})
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, [SIGNATURE])
        if variant != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if variant == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if variant == "int8":

            def representative() -> Iterator[list[NDArray[np.float32]]]:
                for image in calibration[:CALIBRATION_IMAGES]:
                    yield [image[np.newaxis].astype(np.float32)]

            converter.representative_dataset = representative
        return bytes(converter.convert())


def predict_keras(network: keras.Model, frames: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(N, C) logits of the Keras model for (N, S, S, 3) frames."""
    return np.asarray(network.predict(frames, batch_size=32, verbose="auto"), np.float64)


def predict(data: bytes, frames: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(N, C) logits of a LiteRT model for (N, S, S, 3) frames."""
    runner = _runner(data, os.cpu_count() or 1)
    progress = tqdm(frames, "predicting", unit="image", leave=False)
    rows = [runner(image=frame[np.newaxis].astype(np.float32))[LOGITS][0] for frame in progress]
    return np.array(rows, np.float64)


def _runner(data: bytes, threads: int) -> Any:
    interpreter = Interpreter(model_content=data, num_threads=threads)
    return interpreter.get_signature_runner(SIGNATURE)


def _latency_ms(data: bytes, frames: NDArray[np.uint8]) -> float:
    runner = _runner(data, threads=1)
    taken = []
    for index in range(LATENCY_RUNS):
        image = frames[index % len(frames)][np.newaxis].astype(np.float32)
        started = time.perf_counter()
        runner(image=image)
        taken.append(time.perf_counter() - started)
    return float(1e3 * np.median(taken))


def save(variants: Sequence[Variant], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for variant in variants:
        (folder / f"{variant.name}.tflite").write_bytes(variant.data)
