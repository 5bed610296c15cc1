import contextlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from lesionlens.model import release
from lesionlens.model.classifier import Classifier, Slot
from lesionlens.model.file_store import FileStore
from lesionlens.model.manifest import DETECTOR, MODEL, ReleaseError
from lesionlens.model.ood import Detector
from lesionlens.model.release import Release
from tests import releases
from tests.conftest import RELEASES


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier(release.load(FileStore(RELEASES), "current"), interpreters=2)


@pytest.fixture(scope="module")
def known() -> Classifier:
    """One certain release, for bounds that follow from its scales."""
    return Classifier(release.load(FileStore(RELEASES), "20261127-108d1832"), interpreters=1)


def images(count: int, size: int) -> list[np.ndarray]:
    random = np.random.default_rng(3)
    return [random.uniform(0, 255, (1, size, size, 3)).astype(np.float32) for _ in range(count)]


def test_the_mean_of_an_activation_map_is_the_logit_but_for_a_constant(
    known: Classifier,
) -> None:
    size = known.manifest.preprocessing.size
    first, second = (known.run(image) for image in images(2, size))
    biases = [o.logits - o.activation_maps.mean(axis=(0, 1)) for o in (first, second)]
    np.testing.assert_allclose(biases[0], biases[1], atol=0.05)


def test_threads_get_the_answers_that_one_thread_gets(classifier: Classifier) -> None:
    tensors = images(8, classifier.manifest.preprocessing.size)
    expected = [classifier.run(tensor).logits for tensor in tensors]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda tensor: classifier.run(tensor).logits, tensors * 4))
    for index, logits in enumerate(found):
        np.testing.assert_array_equal(logits, expected[index % 8])


def test_images_at_the_same_time_have_an_interpreter_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("lesionlens.model.classifier._cores", lambda: 2)
    classifier = Classifier(release.load(FileStore(RELEASES), "current"), interpreters=2)
    # Two threads take and return real interpreters in every possible order.
    for first_ends_first in (True, False):
        with contextlib.ExitStack() as first, contextlib.ExitStack() as second:
            held = [stack.enter_context(classifier._runner()) for stack in (first, second)]
            assert held[0] is classifier._wide
            assert held[1] is not held[0]
            (first if first_ends_first else second).close()
            with classifier._runner() as third:
                assert third is not held[1 if first_ends_first else 0]
        with classifier._runner() as alone:
            assert alone is classifier._wide


def test_a_model_that_is_none_is_refused() -> None:
    real = release.load(FileStore(RELEASES), "current")
    with pytest.raises(ReleaseError, match="the model cannot be loaded"):
        Classifier(Release(real.manifest, {**real.files, MODEL: b"no model" * 100}), 1)


def test_a_model_with_other_outputs_than_the_manifest_is_refused(tmp_path: Any) -> None:
    def shorten(manifest: dict[str, Any]) -> None:
        manifest["classes"].pop()
        manifest["calibration"]["offsets"].pop()
        manifest["calibration"]["scales"].pop()
        for shares in manifest["priors"].values():
            last = shares.pop()
            shares[-1] += last

    store = FileStore(releases.copy(tmp_path, "v1", shorten))
    with pytest.raises(ReleaseError, match=r"outputs of shape \(7,\) for 6 classes"):
        Classifier(release.load(store, "v1"), 1)


def test_a_model_of_another_size_than_the_manifest_is_refused(tmp_path: Any) -> None:
    store = FileStore(releases.copy(tmp_path, "v1", lambda m: m["input"].update(size=64)))
    with pytest.raises(ReleaseError, match="its manifest says a size of 64"):
        Classifier(release.load(store, "v1"), 1)


def test_a_detector_of_other_features_than_the_model_is_refused() -> None:
    real = release.load(FileStore(RELEASES), "current")
    square = np.eye(3, dtype=np.float32)
    other = Detector(square[0], square, square, square[0]).write()
    with pytest.raises(ReleaseError, match="the detector reads 3 features; the model has"):
        Classifier(Release(real.manifest, {**real.files, DETECTOR: other}), 1)


def test_distance_is_larger_out_of_distribution(known: Classifier) -> None:
    size = known.manifest.preprocessing.size
    noise = np.random.default_rng(0).uniform(0, 255, (1, size, size, 3)).astype(np.float32)
    found = known.recognize(known.run(noise))
    assert found is not None
    assert not found.in_distribution
    assert found.distance > 1.5 * (known.manifest.in_distribution_threshold or 0)


# In place of a classifier, whose content does not matter here.
LOADED: Any = "model"


def test_a_slot_loads_once_for_many_threads() -> None:
    calls = []

    def load() -> Any:
        calls.append(threading.get_ident())
        time.sleep(0.05)
        return LOADED

    slot = Slot(load)
    assert slot.loaded is None
    with ThreadPoolExecutor(32) as pool:
        found = list(pool.map(lambda _: slot.get(), range(200)))
    assert found == [LOADED] * 200
    assert len(calls) == 1
    assert slot.loaded == "model"


def test_a_failed_load_is_shared_by_those_who_wait_and_then_tried_again() -> None:
    outcomes: list[Any] = [OSError("store is away"), "model"]
    started = threading.Barrier(2)

    def load() -> Any:
        if isinstance(outcomes[0], Exception):
            started.wait(5)
            time.sleep(0.05)
            raise outcomes.pop(0)
        return outcomes[0]

    slot = Slot(load)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(slot.get)
        started.wait(5)
        second = pool.submit(slot.get)
        for waiting in (first, second):
            with pytest.raises(OSError, match="store is away"):
                waiting.result()
    assert slot.loaded is None
    assert slot.get() == LOADED
