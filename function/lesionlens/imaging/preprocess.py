"""From an upright RGB image to the model's input: the one implementation, shared with training.

Scaling of values to [-1, 1] is not here: it lives inside the exported model.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter, ImageOps

from .decode import decode
from .model_input import Prepared, Preprocessing

# The Minkowski norm that Finlayson and Trezzi found best.
SHADES_OF_GRAY_NORM = 6
# Side, in pixels, of the median filter that the paper's "noise reduction" becomes.
DENOISE_SIDE = 3


def prepare(data: bytes, preprocessing: Preprocessing, modest: bool = False) -> Prepared:
    """From the bytes of a file to the model's input; see `decode.decode` for what is raised."""
    decoded = decode(data, modest)
    square = frame(decoded.image, preprocessing.size, preprocessing.size, preprocessing)
    return Prepared(square, decoded.width, decoded.height, decoded.warnings)


def tensor(image: Image.Image, preprocessing: Preprocessing) -> NDArray[np.float32]:
    """Return the model's input for upright RGB: (1, size, size, 3), float32 in [0, 255]."""
    square = frame(image, preprocessing.size, preprocessing.size, preprocessing)
    return square[np.newaxis].astype(np.float32)


def frame(
    image: Image.Image, width: int, height: int, preprocessing: Preprocessing
) -> NDArray[np.uint8]:
    """Return (height, width, 3) uint8: the centre of the image in that shape, options applied."""
    fitted = ImageOps.fit(image, (width, height), Image.Resampling.BILINEAR)
    if preprocessing.denoise:
        fitted = fitted.filter(ImageFilter.MedianFilter(DENOISE_SIDE))
    pixels = np.asarray(fitted)
    return shades_of_gray(pixels) if preprocessing.colour_constancy else pixels


def shades_of_gray(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Scale the channels of (H, W, 3) uint8 pixels so that the estimated light becomes gray.

    Source: Finlayson and Trezzi, "Shades of gray and colour constancy", CIC 2004.
    """
    values = pixels.astype(np.float64)
    light = np.power(np.mean(values**SHADES_OF_GRAY_NORM, axis=(0, 1)), 1 / SHADES_OF_GRAY_NORM)
    # A channel that is all black has no light to estimate: leave it.
    gain = np.where(light > 0, light.mean() / np.where(light > 0, light, 1), 1)
    return np.clip(np.rint(values * gain), 0, 255).astype(np.uint8)
