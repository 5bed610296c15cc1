import dataclasses

import numpy as np
import pytest

from training import config
from training.learning.augment import augment, mix

NONE = dataclasses.replace(
    config.load("smoke").augmentation,
    rotation_degrees=0.0,
    flip_horizontal=False,
    flip_vertical=False,
    zoom=(1.0, 1.0),
    shift=0.0,
    brightness=0.0,
    contrast=0.0,
    colour=0.0,
)


def frame() -> np.ndarray:
    """Left half red, right half blue, a green stripe at the top."""
    pixels = np.zeros((60, 80, 3), np.uint8)
    pixels[:, :40, 0] = 200
    pixels[:, 40:, 2] = 200
    pixels[:6] = (0, 200, 0)
    return pixels


def drawn(seed: int = 0, **changes: object) -> np.ndarray:
    settings = dataclasses.replace(NONE, **changes)
    return augment(frame(), 60, settings, np.random.default_rng(seed))


def test_without_augmentation_the_centre_comes_back() -> None:
    np.testing.assert_allclose(drawn()[1:-1, 1:-1], frame()[1:-1, 11:-11], atol=1)


def test_shape_type_and_range() -> None:
    image = drawn(brightness=0.5, contrast=0.5, colour=0.5)
    assert image.shape == (60, 60, 3)
    assert image.dtype == np.uint8
    assert image.min() >= 0
    assert image.max() <= 255


def test_flips() -> None:
    seeds = range(8)
    across = {bool(drawn(seed, flip_horizontal=True)[30, 5, 2] > 100) for seed in seeds}
    down = {bool(drawn(seed, flip_vertical=True)[-2, 30, 1] > 100) for seed in seeds}
    assert across == {True, False}
    assert down == {True, False}


def test_rotation_turns_the_picture_around_its_centre() -> None:
    image = next(
        image
        for image in (drawn(seed, rotation_degrees=180.0) for seed in range(50))
        if image[30, 3, 1] > 150  # the green stripe is now at the left
    )
    assert image[2, 30, 1] < 50


def test_zoom_samples_a_smaller_square() -> None:
    assert drawn()[2, 30, 1] > 150
    assert drawn(zoom=(0.5, 0.5))[2, 30, 1] < 50


def test_shifts_move_the_square_and_beyond_the_frame_is_black() -> None:
    images = [drawn(seed, shift=0.5) for seed in range(20)]
    assert any((image[:5] == 0).all() for image in images)
    assert any(image[30, 30, 0] > 100 for image in images)
    assert any(image[30, 30, 2] > 100 for image in images)


@pytest.mark.parametrize("change", ["brightness", "contrast", "colour"])
def test_light_changes(change: str) -> None:
    assert np.abs(drawn(3, **{change: 0.3}) - drawn()).mean() > 1


def test_the_generator_fixes_the_result() -> None:
    settings = config.load("smoke").augmentation
    one, two, other = (
        augment(frame(), 32, settings, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, two)
    assert np.abs(one - other).mean() > 1


def test_mixed_images_keep_more_of_themselves_and_labels_say_how_much() -> None:
    images = np.stack([np.full((2, 2, 3), value, np.float32) for value in (0, 100, 200, 255)])
    labels = np.eye(4, dtype=np.float32)
    settings = dataclasses.replace(NONE, mixup=0.4)
    mixed, soft = mix(images, labels, settings, np.random.default_rng(0))
    own = soft.diagonal()
    assert (own >= 0.5).all()
    assert (own < 1).any()
    np.testing.assert_allclose(soft.sum(axis=1), 1, rtol=1e-6)
    expected = soft @ images.reshape(4, -1)
    np.testing.assert_allclose(mixed.reshape(4, -1), expected, rtol=1e-5)


def test_without_mixup_nothing_is_mixed() -> None:
    images, labels = np.ones((2, 2, 2, 3), np.float32), np.eye(2, dtype=np.float32)
    mixed, same = mix(images, labels, NONE, np.random.default_rng(0))
    assert mixed is images
    assert same is labels
