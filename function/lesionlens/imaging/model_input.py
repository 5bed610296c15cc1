"""The model's input and its preprocessing options as plain data, without an image library.

The server passes files to decoder processes and does not import Pillow itself.
"""

from dataclasses import asdict, dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Values = TypeVar("Values", np.uint8, np.float32)


@dataclass(frozen=True)
class Caution:
    """A warning about the image; ``code`` is for programs, ``message`` an English text."""

    code: str
    message: str


FIRST_PICTURE = Caution(
    "first-picture", "The file holds more than one picture; the first was used."
)
CAUTIONS = {caution.code: caution for caution in (FIRST_PICTURE,)}


@dataclass(frozen=True)
class Preprocessing:
    """How an image becomes the model's input; recorded in the manifest of a release.

    A non-square image is cropped to its central square, not squashed, so that a lesion keeps its
    shape under the rotations that training applies. ``size``: side of the input in pixels;
    ``denoise``: median filter; ``colour_constancy``: shades of gray (see `preprocess`).
    """

    size: int
    denoise: bool = False
    colour_constancy: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return the options as they are written to a manifest."""
        return {"geometry": "centre-crop", **asdict(self)}

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> "Preprocessing":
        """Read what `as_dict` returned. Raises ValueError for unknown or invalid options."""
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
    """``pixels``: (size, size, 3) uint8 RGB, the model's input; the rest as in `decode.Decoded`."""

    pixels: NDArray[np.uint8]
    width: int
    height: int
    warnings: tuple[Caution, ...]

    @property
    def tensor(self) -> NDArray[np.float32]:
        """The model's input: (1, size, size, 3) float32 RGB in [0, 255]."""
        return self.pixels[np.newaxis].astype(np.float32)


# The views of an image in the order in which they are used: whether mirrored, and quarter turns.
VIEWS = ((False, 0), (True, 0), (False, 2), (True, 2), (False, 1), (True, 1), (False, 3), (True, 3))


def views(images: NDArray[Values], count: int) -> list[NDArray[Values]]:
    """Return the first ``count`` of the `VIEWS` of (N, S, S, 3) images, unchanged ones first.

    A diagnosis does not depend on how the image is rotated or mirrored.
    """
    made = []
    for mirrored, turns in VIEWS[:count]:
        view = images[:, :, ::-1] if mirrored else images
        made.append(np.ascontiguousarray(np.rot90(view, turns, axes=(1, 2))))
    return made
