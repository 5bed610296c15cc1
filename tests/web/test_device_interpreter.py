"""The page's interpreter gives LiteRT's outputs bit for bit, also for other sizes and widths."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest

from lesionlens.model.manifest import MODEL
from lesionlens.model.release import POINTER
from tests.conftest import RELEASES
from tests.pictures import dermatoscopic
from tests.releases import VERSION
from tests.web import device_kernel
from training.learning import litert, mobilenet
from training.releasing import export, on_device

pytestmark = pytest.mark.slow

CURRENT = json.loads((RELEASES / POINTER).read_bytes())
# Releases that were never current, such as a teacher, are not for the page.
SHIPPED = [CURRENT["version"], *CURRENT["history"]]


def _frames(size: int) -> np.ndarray:
    """A lesion, noise (which covers the whole range of values), and black."""
    noise = np.random.default_rng(0).integers(0, 256, (size, size, 3)).astype(np.uint8)
    return np.array([dermatoscopic(size, size), noise, np.zeros_like(noise)])


def _size(model: bytes) -> int:
    signature = litert.runner(model, threads=1)
    return int(signature.get_input_details()["image"]["shape"][1])


def test_building_the_kernel_anew_gives_the_same_bytes(tmp_path: Path) -> None:
    device_kernel.build(tmp_path / "kernel.wasm")
    assert (tmp_path / "kernel.wasm").read_bytes() == device_kernel.BUILT.read_bytes()


@pytest.mark.parametrize("version", SHIPPED)
def test_outputs_of_each_release_are_those_of_litert(version: str) -> None:
    model = (RELEASES / version / MODEL).read_bytes()
    assert on_device.check(model, _frames(_size(model))) == on_device.SAME


def test_without_simd_outputs_are_the_same() -> None:
    model = (RELEASES / VERSION / MODEL).read_bytes()
    [frame, *_] = frames = _frames(_size(model))
    simd, plain = (on_device.run(model, frames[:1], kernel) for kernel in on_device.KERNELS)
    assert simd.keys() == plain.keys() >= {"logits", "activation_maps", "features"}
    assert all(np.array_equal(simd[name], plain[name]) for name in simd)
    assert frame.any()


@pytest.fixture(scope="module")
def network() -> keras.Model:
    return mobilenet.build(7, 0.25, 0.0, None, seed=1)


@pytest.mark.parametrize("size", [64, 96, 192])
def test_other_sizes_and_widths(network: keras.Model, size: int) -> None:
    frames = _frames(size)
    model = export.convert(network, "int8", frames)
    assert on_device.check(model, frames) == on_device.SAME


def test_a_model_that_is_not_int8_is_refused_by_name(network: keras.Model) -> None:
    model = export.convert(network, "float32", _frames(64))
    assert on_device.check(model, _frames(64)).startswith(
        "not possible: the page's interpreter lacks"
    )


DAMAGED = {"short": slice(1000), "empty": slice(0), "backwards": slice(None, None, -1)}


@pytest.mark.parametrize("part", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_model_is_refused(part: slice) -> None:
    model = (RELEASES / VERSION / MODEL).read_bytes()
    with pytest.raises(on_device.Refused):
        on_device.run(model[part], _frames(32)[:1])


def test_another_answer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    model = (RELEASES / VERSION / MODEL).read_bytes()
    honest = on_device.run
    monkeypatch.setattr(
        on_device,
        "run",
        lambda *given: {k: v + np.float32(1e-6) for k, v in honest(*given).items()},
    )
    assert on_device.check(model, _frames(_size(model))).startswith("other ")


def test_without_node_nothing_is_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert on_device.check(b"", _frames(32)).startswith("not tried")
