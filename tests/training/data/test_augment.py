from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace
from PIL import Image

from lesionlens.imaging import preprocess
from lesionlens.imaging.model_input import Preprocessing
from training import config
from training.config import Chance
from training.data.augment import augment, mix

NONE = replace(
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
    """A frame with a red left half, a blue right half, and a green stripe at the top."""
    pixels = np.zeros((60, 80, 3), np.uint8)
    pixels[:, :40, 0] = 200
    pixels[:, 40:, 2] = 200
    pixels[:6] = (0, 200, 0)
    return pixels


def changed(**changes: Any) -> config.Augmentation:
    return replace(NONE, **changes)


def drawn(seed: int = 0, **changes: Any) -> np.ndarray:
    return augment(frame(), 60, changed(**changes), np.random.default_rng(seed))


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
    settings = replace(NONE, mixup=0.4)
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


def sharpness(pixels: np.ndarray) -> float:
    """Mean squared difference of neighbouring pixels, which blur reduces."""
    values = pixels.astype(float)
    return float(np.mean(np.diff(values, axis=0) ** 2) + np.mean(np.diff(values, axis=1) ** 2))


def textured() -> np.ndarray:
    """Lines, grain and an edge, as in a picture of a lesion; 320×240."""
    random = np.random.default_rng(3)
    y, x = np.mgrid[:240, :320]
    network = 20 * np.sin(x / 2.1 + np.sin(y / 9)) * np.sin(y / 1.7)
    inside = np.hypot(x - 160, y - 120) < 70
    grey = 190 - 70 * inside + network * inside + random.normal(0, 8, (240, 320))
    return np.clip(grey[..., None] * [1.0, 0.85, 0.8], 0, 255).astype(np.uint8)


@pytest.mark.parametrize("size", [128, 160, 224])
def test_augmented_images_are_as_sharp_as_served_ones(size: int) -> None:
    """Augmentation must use serving's filter at the same scale on the same frame."""
    frame = textured()
    served = preprocess.frame(Image.fromarray(frame), size, size, Preprocessing(size))
    trained = augment(frame, size, NONE, np.random.default_rng(0))
    assert sharpness(trained) == pytest.approx(sharpness(served), rel=0.05)
    assert np.abs(trained.astype(int) - served).mean() < 1
    # Rotation costs little sharpness; aliasing would add a third and more.
    turning = replace(NONE, rotation_degrees=10.0)
    turned = augment(frame, size, turning, np.random.default_rng(1))
    middle = slice(size // 5, -size // 5)
    assert sharpness(turned[middle, middle]) == pytest.approx(
        sharpness(served[middle, middle]), rel=0.25
    )


FLAWS = {
    "hair": Chance(1.0, 5, 5),
    "corners": Chance(1.0, 0.8, 0.8),
    "bars": Chance(1.0, 0.1, 0.1),
    "ruler": Chance(1.0, 0.04, 0.04),
    "blur": Chance(1.0, 0.01, 0.01),
    "noise": Chance(1.0, 8, 8),
    "jpeg": Chance(1.0, 15, 15),
}


@pytest.mark.parametrize("flaw", FLAWS)
def test_a_flaw_is_applied_to_its_share_of_the_images(flaw: str) -> None:
    plain, frame = augment(textured(), 96, NONE, np.random.default_rng(0)), textured()
    always = changed(**{flaw: FLAWS[flaw]})
    flawed = augment(frame, 96, always, np.random.default_rng(0))
    assert 0.3 < np.abs(flawed.astype(int) - plain).mean() < 90
    sometimes = changed(**{flaw: replace(FLAWS[flaw], probability=0.3)})
    random = np.random.default_rng(1)
    befallen = [
        not np.array_equal(augment(frame, 32, sometimes, random), augment(frame, 32, NONE, random))
        for _ in range(200)
    ]
    assert np.mean(befallen) == pytest.approx(0.3, abs=0.1)
    clean = replace(always, clean=1.0)
    np.testing.assert_array_equal(augment(frame, 96, clean, np.random.default_rng(0)), plain)


@pytest.mark.parametrize(("flaw", "sharper"), [("blur", False), ("noise", True), ("hair", True)])
def test_blur_takes_and_noise_and_hair_add_detail(flaw: str, sharper: bool) -> None:
    plain = augment(textured(), 96, NONE, np.random.default_rng(0))
    settings = changed(**{flaw: FLAWS[flaw]})
    flawed = augment(textured(), 96, settings, np.random.default_rng(0))
    assert (sharpness(flawed) > sharpness(plain)) is sharper


def test_a_round_field_of_view_leaves_the_middle_and_blackens_the_corners() -> None:
    settings = replace(NONE, corners=FLAWS["corners"])
    image = augment(np.full((240, 320, 3), 200, np.uint8), 100, settings, np.random.default_rng(0))
    assert (image[35:65, 35:65] == 200).all()
    assert image[[0, 0, -1, -1], [0, -1, 0, -1]].max() < 30


def test_what_lies_beyond_the_frame_is_black_or_mirrored() -> None:
    turning = replace(NONE, rotation_degrees=45.0, zoom=(1.3, 1.3))
    white = np.full((240, 320, 3), 255, np.uint8)
    black = augment(white, 60, turning, np.random.default_rng(5))
    assert (black == 0).mean() > 0.02
    mirrored = replace(turning, mirrored=1.0)
    assert augment(white, 60, mirrored, np.random.default_rng(5)).min() == 255


@pytest.mark.parametrize("change", ["gamma", "exposure", "aspect"])
def test_light_and_shape_change(change: str) -> None:
    other = augment(textured(), 96, changed(**{change: 0.4}), np.random.default_rng(3))
    plain = augment(textured(), 96, NONE, np.random.default_rng(3))
    assert np.abs(other.astype(int) - plain).mean() > 1
