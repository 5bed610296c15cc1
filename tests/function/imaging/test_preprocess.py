import numpy as np
import pytest
from PIL import Image

from lesionlens.imaging import model_input, preprocess
from lesionlens.imaging.model_input import Preprocessing
from tests.pictures import lesion


def test_tensor_has_the_shape_type_and_range_of_the_models_input() -> None:
    tensor = preprocess.tensor(lesion(600, 450), Preprocessing(size=96))
    assert tensor.shape == (1, 96, 96, 3)
    assert tensor.dtype == np.float32
    assert tensor.min() >= 0
    assert 100 < tensor.max() <= 255


def test_the_centre_is_cropped_and_nothing_is_squashed() -> None:
    picture = Image.new("RGB", (400, 200), "red")
    picture.paste("blue", (100, 0, 300, 200))
    tensor = preprocess.tensor(picture, Preprocessing(size=50))
    # The filter's support extends one pixel beyond the crop.
    assert (tensor[0, :, 1:-1] == [0, 0, 255]).all()


def test_shades_of_gray_takes_a_colour_cast_out() -> None:
    random = np.random.default_rng(1)
    neutral = np.repeat(random.integers(0, 200, (32, 32, 1)), 3, axis=2)
    cast = np.clip(neutral * [1.2, 1.0, 0.7], 0, 255).astype(np.uint8)
    corrected = preprocess.shades_of_gray(cast).astype(int)
    assert np.abs(corrected.mean(axis=(0, 1)) - corrected.mean()).max() < 2


def test_shades_of_gray_leaves_black_channels_alone() -> None:
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[..., 0] = 90
    assert (preprocess.shades_of_gray(pixels)[..., 1:] == 0).all()


def test_denoising_removes_a_speck_and_colour_constancy_is_applied() -> None:
    picture = Image.new("RGB", (64, 64), (200, 100, 50))
    picture.putpixel((32, 32), (255, 255, 255))
    plain = preprocess.tensor(picture, Preprocessing(64))
    denoised = preprocess.tensor(picture, Preprocessing(64, denoise=True))
    balanced = preprocess.tensor(picture, Preprocessing(64, colour_constancy=True))
    assert plain[0, 32, 32, 2] == 255
    assert (denoised == [200, 100, 50]).all()
    assert abs(balanced[0, 0, 0, 0] - balanced[0, 0, 0, 2]) < 30


def test_preprocessing_survives_the_manifest() -> None:
    original = Preprocessing(160, denoise=True)
    assert Preprocessing.from_dict(original.as_dict()) == original


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"geometry": "squash"}, "unknown geometry 'squash'; this code knows 'centre-crop'"),
        ({"sharpen": True}, "unknown preprocessing option"),
    ],
)
def test_unknown_preprocessing_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Preprocessing.from_dict({**Preprocessing(160).as_dict(), **change})


def test_views_are_the_image_mirrored_and_turned() -> None:
    tensor = np.arange(48, dtype=np.float32).reshape(1, 4, 4, 3)
    found = model_input.views(tensor, len(model_input.VIEWS))
    np.testing.assert_array_equal(found[0], tensor)
    np.testing.assert_array_equal(found[1], tensor[:, :, ::-1])
    np.testing.assert_array_equal(found[2], tensor[:, ::-1, ::-1])
    assert len({view.tobytes() for view in found}) == 8
    for view in found:
        assert sorted(view.ravel()) == sorted(tensor.ravel())
    assert len(model_input.views(tensor, 3)) == 3
