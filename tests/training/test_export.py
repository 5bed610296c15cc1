import dataclasses

import keras
import numpy as np
import pytest

from training import export, model
from training.export import ParityError, Variant


@pytest.fixture(scope="module")
def network() -> keras.Model:
    keras.utils.set_random_seed(1)
    return model.build(7, 0.25, 0.0, None)


@pytest.fixture(scope="module")
def frames() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (12, 64, 64, 3)).astype(np.uint8)


LABELS = np.arange(12) % 7


def test_every_variant_answers_as_keras_does(network: keras.Model, frames: np.ndarray) -> None:
    chosen, variants, refused = export.export(network, frames, frames, LABELS)
    assert refused == {}
    assert [variant.name for variant in variants] == ["float32", "float16", "int8"]
    assert chosen in variants
    sizes = [len(variant.data) for variant in variants]
    assert sizes == sorted(sizes, reverse=True)
    expected = export.predict_keras(network, frames)
    np.testing.assert_allclose(export.predict(variants[0].data, frames), expected, atol=1e-3)
    assert set(variants[0].row()) == {"name", "bytes", "latency_ms", "balanced_accuracy", "parity"}


def test_a_conversion_that_answers_otherwise_is_refused(
    network: keras.Model, frames: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = network.get_layer(model.HEAD)
    kernel = head.kernel.numpy()
    real = export.convert

    def spoilt(*arguments: object) -> bytes:
        head.kernel.assign(kernel + 5 * np.eye(*kernel.shape))
        head.bias.assign(np.arange(7))
        data = real(*arguments)
        head.kernel.assign(kernel)
        head.bias.assign(np.zeros(7))
        return data

    monkeypatch.setattr(export, "convert", spoilt)
    with pytest.raises(ParityError, match=r"float32 differs from Keras by .* at most 0\.0001"):
        export.export(network, frames, frames, LABELS)


def test_a_rounded_variant_that_differs_is_left_out_with_the_reason(
    network: keras.Model, frames: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(export.PARITY_BOUNDS, "int8", 0.0)
    chosen, variants, refused = export.export(network, frames, frames, LABELS)
    assert [variant.name for variant in variants] == ["float32", "float16"]
    assert chosen in variants
    assert "at most 0 is accepted" in refused["int8"]


FLOAT32 = Variant("float32", b"x" * 100, 10.0, 0.80, 0.0)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"latency_ms": 5.0}, "int8"),
        ({"latency_ms": 5.0, "balanced_accuracy": 0.796}, "int8"),
        ({"latency_ms": 5.0, "balanced_accuracy": 0.79}, "float32"),
        ({"latency_ms": 10.5, "data": b"x"}, "int8"),
        ({"latency_ms": 12.0, "data": b"x"}, "float32"),
        ({"latency_ms": 9.9, "data": b"x" * 200}, "float32"),
    ],
)
def test_the_choice_between_variants(changes: dict, expected: str) -> None:
    other = dataclasses.replace(FLOAT32, name="int8", **changes)
    assert export.choose([FLOAT32, other]).name == expected
