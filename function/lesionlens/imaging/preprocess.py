"""From an upright RGB image to the model's input; training and serving share this code.

Values are scaled to [-1, 1] inside the exported model, not here.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter, ImageOps

from .decode import decode
from .model_input import Prepared, Preprocessing

# The Minkowski norm that worked best for Finlayson and Trezzi, see `shades_of_gray`.
SHADES_OF_GRAY_NORM = 6
# Side in pixels of the median filter, our interpretation of the paper's "noise reduction".
DENOISE_SIDE = 3


def prepare(data: bytes, preprocessing: Preprocessing, modest: bool = False) -> Prepared:
    """Decode a file to the model's input; see `decode.decode` for ``modest`` and errors."""
    decoded = decode(data, modest)
    square = frame(decoded.image, preprocessing.size, preprocessing.size, preprocessing)
    return Prepared(square, decoded.width, decoded.height, decoded.warnings)


def tensor(image: Image.Image, preprocessing: Preprocessing) -> NDArray[np.float32]:
    """Return the model's input for an upright RGB image: (1, size, size, 3) float32 in [0, 255]."""
    square = frame(image, preprocessing.size, preprocessing.size, preprocessing)
    return square[np.newaxis].astype(np.float32)


def frame(
    image: Image.Image, width: int, height: int, preprocessing: Preprocessing
) -> NDArray[np.uint8]:
    """Crop the centre of an upright RGB image, resize it and apply the options.

    Returns (height, width, 3) uint8; ``preprocessing.size`` is not used.
    """
    fitted = ImageOps.fit(image, (width, height), Image.Resampling.BILINEAR)
    if preprocessing.denoise:
        fitted = fitted.filter(ImageFilter.MedianFilter(DENOISE_SIDE))
    pixels = np.asarray(fitted)
    return shades_of_gray(pixels) if preprocessing.colour_constancy else pixels


def shades_of_gray(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Scale the channels of (H, W, 3) uint8 pixels so that the estimated illuminant becomes gray.

    Source: Finlayson and Trezzi, "Shades of gray and colour constancy", CIC 2004.
    """
    values = pixels.astype(np.float64)
    light = np.power(np.mean(values**SHADES_OF_GRAY_NORM, axis=(0, 1)), 1 / SHADES_OF_GRAY_NORM)
    # A channel of zeros has no estimate and stays as it is.
    gain = np.where(light > 0, light.mean() / np.where(light > 0, light, 1), 1)
    return np.clip(np.rint(values * gain), 0, 255).astype(np.uint8)
