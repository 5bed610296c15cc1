import itertools
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from training.learning import mobilenet


def test_the_model_takes_raw_rgb_of_any_size_and_returns_logits() -> None:
    network = mobilenet.build(7, 0.25, 0.1, None, seed=1)
    for size in (32, 64):
        logits = network(np.full((2, size, size, 3), 255, np.float32))
        assert logits.shape == (2, 7)
    scaled = keras.Model(network.input, network.get_layer("scale").output)
    values = np.array(scaled(np.array([[[[0, 127.5, 255]]]], np.float32)))
    np.testing.assert_allclose(values.ravel(), [-1, 0, 1], atol=1e-6)


def test_weights_and_dropout_follow_from_the_seed_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads that draw from the global generators meanwhile change nothing."""
    build = keras.applications.MobileNet

    def disturbed(**options: Any) -> keras.Model:
        keras.utils.set_random_seed(next(draws))
        return build(**options)

    draws = itertools.count(1)
    monkeypatch.setattr(keras.applications, "MobileNet", disturbed)

    def states(seed: int) -> list[np.ndarray]:
        network = mobilenet.build(7, 0.25, 0.1, None, seed)
        return [keras.ops.convert_to_numpy(variable) for variable in network.variables]

    first = states(5)
    again, other = states(5), states(6)
    assert any(state.dtype.kind in "iu" for state in first), "the dropout has a state"
    for one, same in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, same)
    random = [not (one == one.flat[0]).all() for one in first]
    differ = [not np.array_equal(one, unlike) for one, unlike in zip(first, other, strict=True)]
    assert differ == random


def test_imagenet_weights_are_loaded_and_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    path = mobilenet.imagenet_weights()
    if path == "imagenet":
        pytest.skip("IMAGENET_WEIGHTS names no file")
    network = mobilenet.build(7, 1.0, 0.1, path, seed=1)
    kernel = network.get_layer(mobilenet.BACKBONE).get_layer("conv1").kernel.numpy()
    assert kernel.shape == (3, 3, 3, 32)
    assert 0.05 < np.abs(kernel).mean() < 1


def test_other_weights_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    other = tmp_path / "weights.h5"
    other.write_bytes(b"other")
    monkeypatch.setenv("IMAGENET_WEIGHTS", str(other))
    with pytest.raises(ValueError, match=r"has SHA-256 .*; expected b2dc0637"):
        mobilenet.imagenet_weights()


def test_without_a_file_keras_downloads(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("IMAGENET_WEIGHTS", str(tmp_path / "missing.h5"))
    assert mobilenet.imagenet_weights() == "imagenet"


def test_the_first_blocks_end_after_their_last_activation() -> None:
    backbone = mobilenet.build(7, 0.25, 0.1, None, seed=1).get_layer(mobilenet.BACKBONE)
    assert mobilenet.first_blocks(backbone, 0) == []
    names = [layer.name for layer in mobilenet.first_blocks(backbone, 2)]
    assert names[-1] == "conv_pw_2_relu"
    assert "conv_dw_1" in names
    with pytest.raises(ValueError, match="frozen_blocks is 14; accepted are 0 to 13"):
        mobilenet.first_blocks(backbone, 14)
