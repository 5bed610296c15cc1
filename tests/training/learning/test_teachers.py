from concurrent.futures import ThreadPoolExecutor

import numpy as np

from tests.conftest import RELEASES
from training.evaluation import inference
from training.learning.teachers import Teachers

FIRST, SECOND = (
    (RELEASES / version / "model.tflite").read_bytes()
    for version in ("20261125-3a7e909d", "20261127-108d1832")
)
IMAGES = np.random.default_rng(0).integers(0, 255, (3, 64, 64, 3)).astype(np.float32)


def test_a_teacher_answers_images_of_its_own_size_as_it_is_evaluated() -> None:
    frames = np.random.default_rng(0).integers(0, 255, (2, 192, 192, 3)).astype(np.uint8)
    expected = inference.predict(SECOND, frames)
    found = Teachers([SECOND]).logits(frames.astype(np.float32))
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_several_teachers_are_averaged_at_any_size_and_number_of_images() -> None:
    both = Teachers([FIRST, SECOND])
    alone = [Teachers([data]).logits(IMAGES) for data in (FIRST, SECOND)]
    assert np.abs(alone[0] - alone[1]).max() > 0.1
    np.testing.assert_allclose(both.logits(IMAGES), np.mean(alone, axis=0), atol=1e-5)
    np.testing.assert_allclose(both.logits(IMAGES[:1]), np.mean(alone, axis=0)[:1], atol=1e-4)


def test_threads_can_share_teachers() -> None:
    teachers = Teachers([FIRST])
    several = [np.roll(IMAGES, step, axis=1) for step in range(12)]
    expected = [teachers.logits(images) for images in several]
    with ThreadPoolExecutor(4) as threads:
        for found, right in zip(threads.map(teachers.logits, several), expected, strict=True):
            np.testing.assert_allclose(found, right, atol=1e-5)
