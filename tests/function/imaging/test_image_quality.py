import numpy as np
import pytest
from PIL import Image, ImageFilter

from lesionlens.imaging import image_quality

LIMITS = {"sharpness": 5.0, "darkest": 40.0, "brightest": 220.0, "side": 96.0}


def picture(brightness: float = 128, blur: float = 0) -> np.ndarray:
    noise = np.random.default_rng(0).normal(brightness, 20, (64, 64, 3)).clip(0, 255)
    image = Image.fromarray(noise.astype(np.uint8)).filter(ImageFilter.GaussianBlur(blur))
    return np.asarray(image, np.float32)[np.newaxis]


@pytest.mark.parametrize(
    ("tensor", "side", "codes"),
    [
        (picture(), 200, []),
        (picture(blur=4), 200, ["blurred"]),
        (picture(brightness=20), 200, ["underexposed"]),
        (picture(brightness=240), 200, ["overexposed"]),
        (picture(), 95, ["low-resolution"]),
        (picture(brightness=0, blur=4), 40, ["underexposed", "low-resolution"]),
    ],
)
def test_each_limit_has_its_warning(tensor: np.ndarray, side: int, codes: list[str]) -> None:
    found = image_quality.cautions(image_quality.measures(tensor, side), LIMITS)
    assert [caution.code for caution in found] == codes


def test_a_release_without_limits_warns_of_nothing() -> None:
    assert (
        image_quality.cautions(image_quality.measures(np.zeros((1, 8, 8, 3), np.float32), 8), {})
        == ()
    )


def test_sharpness_is_the_deviation_of_the_laplacian_and_brightness_a_mean() -> None:
    tensor = np.zeros((1, 5, 5, 3), np.float32)
    tensor[0, 2, 2] = 100
    measured = image_quality.measures(tensor, 5)
    laplacian = np.array([[0, 100, 0], [100, -400, 100], [0, 100, 0]])
    assert measured["sharpness"] == pytest.approx(laplacian.std())
    assert measured["darkest"] == measured["brightest"] == pytest.approx(100 / 25)
    assert measured["side"] == 5


def test_the_low_resolution_warning_names_both_numbers() -> None:
    (caution,) = image_quality.cautions(image_quality.measures(picture(), 50), {"side": 96.0})
    assert "has 50 pixels; below 96" in caution.message
