import dataclasses
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

from lesionlens.model.classifier import FEATURES
from training.evaluation import inference
from training.learning import mobilenet
from training.releasing import export
from training.releasing.export import Images, ParityError, Variant


@pytest.fixture(scope="module")
def network() -> keras.Model:
    return mobilenet.build(7, 0.25, 0.0, None, seed=1)


@pytest.fixture(scope="module")
def converted() -> Callable[..., bytes]:
    """`export.convert`, which takes seconds, run once for each precision and size."""
    known: dict[tuple[str, int], bytes] = {}

    def convert(network: keras.Model, precision: str, frames: np.ndarray) -> bytes:
        key = (precision, frames.shape[1])
        if key not in known:
            known[key] = CONVERT(network, precision, frames)
        return known[key]

    return convert


@pytest.fixture(autouse=True)
def convert_once(converted: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "convert", converted)


@pytest.fixture(scope="module")
def frames() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (12, 64, 64, 3)).astype(np.uint8)


LABELS = np.arange(12) % 7
CONVERT = export.convert


def images(frames: np.ndarray) -> dict[int, Images]:
    return {64: Images(frames, frames)}


def test_every_variant_answers_as_keras_does(network: keras.Model, frames: np.ndarray) -> None:
    chosen, variants, refused = export.export(network, images(frames), LABELS)
    assert refused == {}
    assert [variant.name for variant in variants] == ["float32-64", "float16-64", "int8-64"]
    assert chosen in variants
    sizes = [len(variant.data) for variant in variants]
    assert sizes == sorted(sizes, reverse=True)
    expected = inference.predict_keras(network, frames)
    np.testing.assert_allclose(inference.predict(variants[0].data, frames), expected, atol=1e-3)


@pytest.mark.slow
def test_every_size_is_tried(network: keras.Model, frames: np.ndarray) -> None:
    both = {**images(frames), 32: Images(frames[:, ::2, ::2], frames[:, ::2, ::2])}
    _, variants, _ = export.export(network, both, LABELS)
    assert {variant.size for variant in variants} == {32, 64}
    small = next(variant for variant in variants if variant.name == "float32-32")
    assert inference.predict(small.data, frames[:, ::2, ::2]).shape == (12, 7)


def test_features_are_the_averages_of_their_layers(
    network: keras.Model, frames: np.ndarray
) -> None:
    found = inference.run(export.convert(network, "float32", frames), frames, (FEATURES,))[FEATURES]
    backbone = network.get_layer(mobilenet.BACKBONE)
    layers = [backbone.get_layer(name).output for name in mobilenet.FEATURE_LAYERS]
    inner = keras.Model(backbone.inputs, layers)(network.get_layer("scale")(frames))
    expected = np.concatenate([np.mean(values, axis=(1, 2)) for values in inner], axis=1)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_a_conversion_with_other_outputs_is_refused(
    network: keras.Model, frames: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = network.get_layer(mobilenet.HEAD)
    kernel = head.kernel.numpy()

    def spoilt(*arguments: Any) -> bytes:
        head.kernel.assign(kernel + 5 * np.eye(*kernel.shape))
        head.bias.assign(np.arange(7))
        data = CONVERT(*arguments)
        head.kernel.assign(kernel)
        head.bias.assign(np.zeros(7))
        return data

    monkeypatch.setattr(export, "convert", spoilt)
    with pytest.raises(ParityError, match=r"float32-64 differs from Keras by .* at most 0\.0001"):
        export.export(network, images(frames), LABELS)


def test_a_rounded_variant_that_differs_is_left_out_with_the_reason(
    network: keras.Model, frames: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(export.PARITY_BOUNDS, "int8", 0.0)
    chosen, variants, refused = export.export(network, images(frames), LABELS)
    assert [variant.name for variant in variants] == ["float32-64", "float16-64"]
    assert chosen in variants
    assert "at most 0 is accepted" in refused["int8-64"]


FLOAT32 = Variant("float32", 224, b"x" * 100, 9.0, 0.80, 0.70, 0.0)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"latency_ms": 5.0}, "int8-224"),
        ({"latency_ms": 5.0, "log_loss": 0.708}, "int8-224"),
        ({"latency_ms": 5.0, "log_loss": 0.72}, "float32-224"),
        ({"latency_ms": 9.5, "data": b"x"}, "int8-224"),
        ({"latency_ms": 9.95, "data": b"x"}, "float32-224"),
        ({"latency_ms": 8.9, "data": b"x" * 200}, "float32-224"),
        # Log loss takes precedence over speed; accuracy does not matter.
        ({"latency_ms": 5.0, "log_loss": 0.72, "balanced_accuracy": 0.9}, "float32-224"),
        ({"latency_ms": 50.0, "log_loss": 0.6}, "int8-224"),
    ],
)
def test_the_choice_between_variants(changes: dict[str, Any], expected: str) -> None:
    other = dataclasses.replace(FLOAT32, precision="int8", **changes)
    assert export.choose([FLOAT32, other]).name == expected


def test_quantization_is_held_against_its_own_size() -> None:
    """The loss of int8 is compared with float32 of the same size, not with the best variant."""
    small = dataclasses.replace(FLOAT32, size=160, log_loss=0.9, latency_ms=4.0)
    lucky = dataclasses.replace(small, precision="int8", log_loss=0.68, latency_ms=2.0)
    broken = dataclasses.replace(FLOAT32, precision="int8", log_loss=0.72, latency_ms=1.0)
    assert export.choose([FLOAT32, small, broken]).name == "float32-224"
    assert export.choose([FLOAT32, small, lucky, broken]).name == "int8-160"
