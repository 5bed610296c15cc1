"""Exports the Keras model to LiteRT: measures every variant, chooses one, enforces parity.

Beside logits and activation maps, the exported graph outputs the averages over the image of the
layers `mobilenet.FEATURE_LAYERS`, for the detector.
"""

import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax
from tqdm import tqdm

from lesionlens.model import manifest_sections
from lesionlens.model.classifier import ACTIVATION_MAPS, FEATURES, LOGITS, SIGNATURE

from ..evaluation import inference, metrics
from ..learning import litert, mobilenet

# Maximum mean absolute difference of a variant's probabilities to Keras's, over images and classes.
# A larger one is an error of the conversion, not of rounding.
PARITY_BOUNDS = {"float32": 1e-4, "float16": 5e-3, "int8": 2e-2}
# Maximum increase of log loss, in nats, by quantization, and by a faster variant.
LOSS_BOUND = 0.01
# Latencies within this ratio count as equal; the smaller file is then preferred.
LATENCY_TIE = 1.1
LATENCY_RUNS = 50
QUANTIZATION_IMAGES = 200


class ParityError(ValueError):
    """The exported model's outputs differ from the Keras model's."""


@dataclass(frozen=True)
class Variant:
    """An exported model with its measurements."""

    precision: str
    size: int  # side of the input, pixels
    data: bytes
    latency_ms: float  # median of one image, one thread
    balanced_accuracy: float  # on the validation part
    log_loss: float  # on the validation part, all origins: `metrics.log_loss`
    parity: float  # mean absolute difference of probabilities to Keras

    @property
    def name(self) -> str:
        """Precision and input size, as in "int8-192"."""
        return f"{self.precision}-{self.size}"

    def row(self) -> manifest_sections.Variant:
        """The entry in the manifest."""
        return manifest_sections.Variant(
            name=self.name,
            precision=self.precision,
            size=self.size,
            bytes=len(self.data),
            latency_ms=round(self.latency_ms, 2),
            balanced_accuracy=round(self.balanced_accuracy, 4),
            log_loss=round(self.log_loss, 4),
            parity=float(f"{self.parity:.2g}"),
        )


@dataclass(frozen=True)
class Images:
    """Images to quantize and evaluate the variants of one input size, uint8."""

    calibration: NDArray[np.uint8]  # (K, S, S, 3) training images, for int8
    validation: NDArray[np.uint8]  # (V, S, S, 3)


def export(
    network: keras.Model, images: dict[int, Images], labels: NDArray[np.int64]
) -> tuple[Variant, list[Variant], dict[str, str]]:
    """Convert to each precision and size; return the chosen variant, all variants, the rejected.

    ``images``: by input size; ``labels`` (V,): of the validation part. Raises ParityError if the
    outputs of float32 differ from Keras's.
    """
    variants, refused = [], {}
    plan = [(size, precision) for size in images for precision in PARITY_BOUNDS]
    expected = {size: inference.predict_keras(network, images[size].validation) for size in images}
    for size, precision in tqdm(plan, "exporting", unit="variant"):
        frames = images[size].validation
        data = convert(network, precision, images[size].calibration)
        logits = inference.predict(data, frames)
        difference = np.abs(softmax(logits, axis=1) - softmax(expected[size], axis=1)).mean()
        variant = Variant(
            precision,
            size,
            data,
            latency_ms=_latency_ms(data, frames),
            balanced_accuracy=metrics.balanced_accuracy(labels, logits),
            log_loss=metrics.log_loss(labels, logits),
            parity=float(difference),
        )
        bound = PARITY_BOUNDS[precision]
        if difference <= bound:
            variants.append(variant)
            continue
        refused[variant.name] = (
            f"differs from Keras by {difference:.2g} in probability on average over {len(frames)} "
            f"images; at most {bound:.2g} is accepted"
        )
        if precision == "float32":
            # float32 is not quantized: a difference is an error of the conversion.
            raise ParityError(f"{variant.name} {refused[variant.name]}")
    return choose(variants), variants, refused


def choose(variants: Sequence[Variant]) -> Variant:
    """Choose the fastest of the variants with a log loss near the lowest, then the smallest."""
    exact = {v.size: v.log_loss for v in variants if v.precision == "float32"}
    # A variant whose quantization costs more than the bound is excluded, whatever its loss
    # relative to other sizes.
    sound = [v for v in variants if v.log_loss <= exact[v.size] + LOSS_BOUND]
    best = min(variant.log_loss for variant in sound)
    likely = [v for v in sound if v.log_loss <= best + LOSS_BOUND]
    fastest = min(variant.latency_ms for variant in likely)
    fast = [variant for variant in likely if variant.latency_ms <= fastest * LATENCY_TIE]
    return min(fast, key=lambda variant: len(variant.data))


def convert(network: keras.Model, precision: str, calibration: NDArray[np.uint8]) -> bytes:
    """Return a LiteRT model that maps (1, S, S, 3) raw RGB to the outputs that serving reads.

    S is that of the ``calibration`` images, (K, S, S, 3) uint8.
    """
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    whole, head = network.get_layer(mobilenet.BACKBONE), network.get_layer(mobilenet.HEAD)
    inner = [whole.get_layer(name).output for name in mobilenet.FEATURE_LAYERS]
    backbone = keras.Model(whole.inputs, [whole.output, *inner])
    scale = network.get_layer("scale")
    kernel = tf.constant(head.kernel.numpy()[np.newaxis, np.newaxis])
    bias = tf.constant(head.bias.numpy())

    def serve(image: Any) -> tuple[Any, Any, Any]:
        last, *inner = backbone(scale(image), training=False)
        # The head is linear: the average of its outputs equals its output for the average.
        maps = tf.nn.conv2d(last, kernel, 1, "VALID")
        averages = [tf.reduce_mean(values, axis=(1, 2)) for values in inner]
        return maps, tf.reduce_mean(maps, axis=(1, 2)) + bias, tf.concat(averages, axis=-1)

    spec = tf.TensorSpec((1, *calibration.shape[1:]), tf.float32, name="image")
    # Converts variables to constants: the converter would lose the variables of Keras 3.
    frozen = convert_variables_to_constants_v2(tf.function(serve).get_concrete_function(spec))
    module = tf.Module()
    module.serve = tf.function(
        lambda image: dict(zip((ACTIVATION_MAPS, LOGITS, FEATURES), frozen(image), strict=True)),
        input_signature=[spec],
    )
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures={SIGNATURE: module.serve})
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, [SIGNATURE])
        if precision != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if precision == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if precision == "int8":

            def representative() -> Iterator[list[NDArray[np.float32]]]:
                for image in calibration[:QUANTIZATION_IMAGES]:
                    yield [image[np.newaxis].astype(np.float32)]

            converter.representative_dataset = representative
        return bytes(converter.convert())


def _latency_ms(data: bytes, frames: NDArray[np.uint8]) -> float:
    runner = litert.runner(data, threads=1)
    taken = []
    for index in range(LATENCY_RUNS):
        image = frames[index % len(frames)][np.newaxis].astype(np.float32)
        started = time.perf_counter()
        runner(image=image)
        taken.append(time.perf_counter() - started)
    return float(1e3 * np.median(taken))


def save(variants: Sequence[Variant], folder: Path) -> None:
    """Write each variant as NAME.tflite."""
    folder.mkdir(parents=True, exist_ok=True)
    for variant in variants:
        (folder / f"{variant.name}.tflite").write_bytes(variant.data)
