"""Colour management: from the colour space of a file's profile to sRGB.

The profile is an ICC profile, or the code points of ITU-T H.273 ("cICP" in PNG, "nclx" in AVIF and
HEIC). Without one, colours are sRGB already.
"""

import functools
import io
import struct
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from ..errors import Undecodable

# Transforms are cached for the profiles used last: building one takes 4 ms.
TRANSFORMS = 16
# A profile whose colours differ from sRGB by at most so many levels of 255 counts as sRGB: the many
# profiles named sRGB differ by the rounding of their tables.
SAME = 2

# The colour space that an ICC profile describes, and Pillow's mode of its pixels.
_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK", "LAB": "LAB"}
_SRGB = ImageCms.createProfile("sRGB")
# The exceptions that ImageCms raises for damaged profiles and those of other modes.
_UNUSABLE = (ImageCms.PyCMSError, OSError, ValueError, TypeError)


class CodePoints(NamedTuple):
    """Primaries and transfer characteristics by their numbers in ITU-T H.273, tables 2 and 3."""

    primaries: int
    transfer: int


# Chromaticities of red, green, blue and white (ITU-T H.273, table 2).
_D65 = (0.3127, 0.329)
_PRIMARIES = {
    5: ((0.64, 0.33), (0.29, 0.60), (0.15, 0.06), _D65),
    6: ((0.63, 0.34), (0.31, 0.595), (0.155, 0.07), _D65),
    7: ((0.63, 0.34), (0.31, 0.595), (0.155, 0.07), _D65),
    9: ((0.708, 0.292), (0.17, 0.797), (0.131, 0.046), _D65),
    11: ((0.68, 0.32), (0.265, 0.69), (0.15, 0.06), (0.314, 0.351)),
    12: ((0.68, 0.32), (0.265, 0.69), (0.15, 0.06), _D65),
}
_SRGB_PRIMARIES = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06), _D65)
# Gammas (table 3). The curves of cameras are treated as that of sRGB, as browsers do.
_GAMMAS = {4: 2.2, 5: 2.8, 8: 1.0, 17: 2.6}
_HDR = {16: "PQ", 18: "HLG"}
# The parametric curve of sRGB: gamma, a, b, c, d (ICC.1:2022, 10.18, function type 3).
_SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
_D50 = (0.9642, 1.0, 0.8249)
_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)


def to_srgb(picture: Image.Image, profile: bytes | CodePoints | None) -> Image.Image:
    """Convert a picture of mode L, RGB, CMYK or LAB to RGB in sRGB, with perceptual intent.

    ``profile``: an ICC profile, code points, or None for sRGB. Profiles that are damaged or belong
    to another mode are ignored, as browsers do. Raises Undecodable for high dynamic range, for
    which no single conversion to sRGB is defined.
    """
    icc = _icc(profile) if isinstance(profile, CodePoints) else profile
    transform = _transform(icc, picture.mode) if icc or picture.mode == "LAB" else None
    if transform is None:
        return picture if picture.mode == "RGB" else picture.convert("RGB")
    converted: Image.Image | None = ImageCms.applyTransform(picture, transform)
    assert converted is not None
    return converted


@functools.lru_cache(TRANSFORMS)
def _transform(icc: bytes | None, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Build the conversion of pixels of a mode; None if there is nothing to convert."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(icc) if icc else ImageCms.createProfile("LAB"))
        if _MODES.get(source.profile.xcolor_space.strip().upper()) != mode:
            return None
        transform = ImageCms.buildTransform(source, _SRGB, mode, "RGB", ImageCms.Intent.PERCEPTUAL)
        return None if mode in ("L", "RGB") and _is_identity(transform, mode) else transform
    except _UNUSABLE:
        return None


def _is_identity(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    levels = np.linspace(0, 255, 9).round().astype(np.uint8)
    grid = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(9, 81, 3)
    sample = Image.fromarray(grid if mode == "RGB" else grid[..., 0])
    converted = ImageCms.applyTransform(sample, transform)
    difference = np.asarray(converted, int) - np.asarray(sample.convert("RGB"), int)
    return bool(np.abs(difference).max() <= SAME)


def _icc(points: CodePoints) -> bytes | None:
    """The ICC profile (version 4, matrix and curves) of code points; None for those of sRGB.

    Source: ICC.1:2022. Raises Undecodable for high dynamic range.
    """
    if points.transfer in _HDR:
        raise Undecodable(
            f"The image is of high dynamic range ({_HDR[points.transfer]}); "
            "send it in standard dynamic range."
        )
    if points.primaries not in _PRIMARIES and points.transfer not in _GAMMAS:
        return None
    matrix = _to_d50(*_PRIMARIES.get(points.primaries, _SRGB_PRIMARIES))
    if points.transfer in _GAMMAS:
        curve = _parametric(0, _GAMMAS[points.transfer])
    else:
        curve = _parametric(3, *_SRGB_CURVE)
    columns = [b"XYZ \0\0\0\0" + _fixed(*column) for column in matrix.T]
    names = (b"rXYZ", b"gXYZ", b"bXYZ", b"wtpt", b"rTRC", b"gTRC", b"bTRC")
    blocks = [*columns, b"XYZ \0\0\0\0" + _fixed(*_D50), curve]
    starts, body, at = [], b"", 128 + 4 + 12 * len(names)
    for block in blocks:
        starts.append((at + len(body), len(block)))
        body += block
    places = [*starts, starts[-1], starts[-1]]
    table = b"".join(
        name + struct.pack(">II", *place) for name, place in zip(names, places, strict=True)
    )
    header = struct.pack(">I4xI", at + len(body), 0x04200000) + b"mntrRGB XYZ " + bytes(12)
    header += b"acsp" + bytes(28) + _fixed(*_D50) + bytes(48)
    return header + struct.pack(">I", len(names)) + table + body


def _to_d50(*chromaticities: tuple[float, float]) -> NDArray[np.float64]:
    """The (3, 3) matrix from linear RGB to XYZ under D50, with Bradford adaptation.

    ``chromaticities``: (x, y) of red, green, blue and white. Source: ICC.1:2022, annex E.
    """
    red, green, blue, white = (np.array([x / y, 1.0, (1 - x - y) / y]) for x, y in chromaticities)
    primaries = np.stack([red, green, blue], axis=1)
    to_xyz = primaries * np.linalg.solve(primaries, white)
    gain = (_BRADFORD @ _D50) / (_BRADFORD @ white)
    adapted: NDArray[np.float64] = np.linalg.inv(_BRADFORD) @ np.diag(gain) @ _BRADFORD @ to_xyz
    return adapted


def _parametric(kind: int, *parameters: float) -> bytes:
    return b"para\0\0\0\0" + struct.pack(">HH", kind, 0) + _fixed(*parameters)


def _fixed(*values: float) -> bytes:
    """Encode numbers as ICC's s15Fixed16Number."""
    return b"".join(struct.pack(">i", round(65536 * value)) for value in values)
