import base64
import io

import numpy as np
import pytest
from PIL import Image

from lesionlens.imaging.model_input import Prepared
from lesionlens.model import cam


def decoded(width: int, height: int) -> Prepared:
    return Prepared(np.zeros((10, 10, 3), np.uint8), width, height, ())


def test_an_explanation_shows_the_class_that_was_asked_for() -> None:
    maps = np.zeros((7, 7, 2), np.float32)
    maps[1, 5, 1] = 4
    maps[3, 3, 0] = 9
    built = cam.build("nv", ("mel", "nv"), maps, decoded(600, 450))
    assert built["label"] == "nv"
    assert built["grid"][1][5] == 1
    assert sum(map(sum, built["grid"])) == 1
    picture = Image.open(io.BytesIO(base64.b64decode(built["overlay_png"])))
    assert (picture.mode, picture.size) == ("RGBA", (512, 384))
    # The cell in row 1, column 5 of the centred square.
    alpha = np.asarray(picture)[..., 3]
    assert alpha[int(384 * 1.5 / 7), 64 + int(384 * 5.5 / 7)] > 150
    assert alpha[10, 10] == 0
    assert alpha[192, 256] == 0


def test_evidence_against_a_class_is_not_shown() -> None:
    normalized = cam.normalized(np.array([[-3.0, 1.0], [2.0, -1.0]], np.float32))
    assert normalized.tolist() == [[0, 0.5], [1, 0]]
    assert (cam.normalized(np.full((2, 2), -1, np.float32)) == 0).all()


@pytest.mark.parametrize(
    ("width", "height", "expected"),
    [
        (600, 450, {"x": 0.125, "y": 0, "width": 0.75, "height": 1}),
        (100, 400, {"x": 0, "y": 0.375, "width": 1, "height": 0.25}),
    ],
)
def test_the_region_is_the_square_that_the_model_saw(
    width: int, height: int, expected: dict[str, float]
) -> None:
    assert cam.region(width, height) == expected


def test_small_images_are_not_enlarged_and_thin_ones_do_not_vanish() -> None:
    assert cam.overlay(np.ones((2, 2)), 100, 80).size == (100, 80)
    assert cam.overlay(np.ones((2, 2)), 5000, 40).size == (512, 4)


def test_the_picture_may_be_left_out() -> None:
    maps = np.ones((7, 7, 2), np.float32)
    built = cam.build("nv", ("mel", "nv"), maps, decoded(600, 450), with_overlay=False)
    assert "overlay_png" not in built
    assert built["grid"][0][0] == 1
