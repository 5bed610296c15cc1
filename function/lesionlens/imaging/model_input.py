"""The model's input and its preprocessing options as plain data, without an image library.

The server passes files to decoder processes and does not need Pillow itself.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Caution:
    """Something about the image that the client should know; ``code`` is for programs."""

    code: str
    message: str


FIRST_PICTURE = Caution(
    "first-picture", "The file holds more than one picture; the first was used."
)
CAUTIONS = {caution.code: caution for caution in (FIRST_PICTURE,)}


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
