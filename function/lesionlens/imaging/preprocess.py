"""From an upright RGB image to the model's input: the one implementation, shared with training.

Scaling of values to [-1, 1] is not here: it lives inside the exported model.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter, ImageOps

from .decode import Caution, decode

# The Minkowski norm that Finlayson and Trezzi found best.
SHADES_OF_GRAY_NORM = 6
# Side, in pixels, of the median filter that the paper's "noise reduction" becomes.
DENOISE_SIDE = 3


@dataclass(frozen=True)
class Preprocessing:
    """What is done to an image before the model sees it; recorded in the release's manifest.

    A non-square image is cropped around its centre to a square: nothing is squashed, so that a
    lesion keeps its shape under every rotation that training uses.
    """

    size: int
    denoise: bool = False
    colour_constancy: bool = False

    def as_dict(self) -> dict[str, Any]:
        return {"geometry": "centre-crop", **asdict(self)}

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> "Preprocessing":
        """Read what `as_dict` wrote. Raises ValueError for a geometry or an option unknown here."""
        known = dict(fields)
        geometry = known.pop("geometry", None)
        if geometry != "centre-crop":
            raise ValueError(f"unknown geometry {geometry!r}; this code knows 'centre-crop'")
        try:
            read = cls(**known)
        except TypeError as error:
            raise ValueError(f"unknown preprocessing option: {error}") from None
        if type(read.size) is not int or read.size < 1:
            raise ValueError(f"the size is {read.size!r}, not a number of pixels")
        if type(read.denoise) is not bool or type(read.colour_constancy) is not bool:
            raise ValueError("denoise and colour_constancy are true or false")
        return read


@dataclass(frozen=True)
class Prepared:
    """``pixels``: (size, size, 3) uint8, what the model sees; the rest as in `Decoded`."""

    pixels: NDArray[np.uint8]
    width: int
    height: int
    warnings: tuple[Caution, ...]

    @property
    def tensor(self) -> NDArray[np.float32]:
        """The model's input: (1, size, size, 3), float32 in [0, 255]."""
        return self.pixels[np.newaxis].astype(np.float32)


def prepare(data: bytes, preprocessing: Preprocessing, modest: bool = False) -> Prepared:
    """From the bytes of a file to the model's input; see `decode.decode` for what is raised."""
    decoded = decode(data, modest)
    square = frame(decoded.image, preprocessing.size, preprocessing.size, preprocessing)
    return Prepared(square, decoded.width, decoded.height, decoded.warnings)


def tensor(image: Image.Image, preprocessing: Preprocessing) -> NDArray[np.float32]:
    """Return the model's input for upright RGB: (1, size, size, 3), float32 in [0, 255]."""
    square = frame(image, preprocessing.size, preprocessing.size, preprocessing)
    return square[np.newaxis].astype(np.float32)


# The views of an image, in the order in which they are added: whether mirrored, quarter turns.
VIEWS = ((False, 0), (True, 0), (False, 2), (True, 2), (False, 1), (True, 1), (False, 3), (True, 3))


def views(tensor: NDArray[np.float32], count: int) -> list[NDArray[np.float32]]:
    """The first ``count`` of the `VIEWS` of a (1, S, S, 3) image; the first is the image itself.

    Turned and mirrored, a lesion is the same lesion.
    """
    made = []
    for mirrored, turns in VIEWS[:count]:
        view = tensor[:, :, ::-1] if mirrored else tensor
        made.append(np.ascontiguousarray(np.rot90(view, turns, axes=(1, 2))))
    return made


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
