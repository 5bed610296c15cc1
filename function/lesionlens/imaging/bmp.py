"""BMP files whose samples are defined by bit masks; Pillow reads only the most common masks."""

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..errors import Truncated
from .sizes import CheckSize

SIGNATURE = b"BM"
_FILE_HEADER = 14  # bytes
_INFO_HEADER = 40
_WITH_MASKS = (3, 6)  # BI_BITFIELDS, BI_ALPHABITFIELDS
_SAMPLES: dict[int, np.dtype[Any]] = {16: np.dtype("<u2"), 32: np.dtype("<u4")}


@dataclass(frozen=True)
class _Header:
    start: int  # offset of the pixels in the file
    width: int
    height: int  # negative: the rows are stored from the top
    depth: int  # bits per pixel
    masks: tuple[int, int, int, int]  # red, green, blue, alpha


def open_masked(data: bytes, check_size: CheckSize) -> Image.Image | None:
    """Decode a file to RGB or RGBA; return None for one without masks, or with unusable ones.

    Source: Microsoft, BITMAPINFOHEADER and BITMAPV4HEADER. Raises Truncated, and what `check_size`
    raises.
    """
    header = _read(data)
    if header is None:
        return None
    width, height = header.width, abs(header.height)
    check_size(width, height)
    size = header.depth // 8
    stride = (width * size + 3) // 4 * 4
    if len(data) < header.start + stride * height:
        raise Truncated("The image file ends too early; send the whole file.")
    pixels: NDArray[Any] = np.ndarray(
        (height, width), _SAMPLES[header.depth], data, header.start, (stride, size)
    )
    if header.height > 0:
        pixels = pixels[::-1]
    red, green, blue, alpha = (_band(pixels, mask) for mask in header.masks)
    # Writers without support for transparency leave the alpha bits zero.
    if header.masks[3] and alpha.any():
        return Image.fromarray(np.stack([red, green, blue, alpha], axis=-1), "RGBA")
    return Image.fromarray(np.stack([red, green, blue], axis=-1), "RGB")


def _read(data: bytes) -> _Header | None:
    if len(data) < _FILE_HEADER + _INFO_HEADER + 12:
        return None
    (start,) = struct.unpack_from("<I", data, 10)
    size, width, height, _, depth, compression = struct.unpack_from("<IiiHHI", data, _FILE_HEADER)
    if size < _INFO_HEADER or compression not in _WITH_MASKS or depth not in _SAMPLES:
        return None
    at = _FILE_HEADER + _INFO_HEADER
    red, green, blue = struct.unpack_from("<III", data, at)
    # After a header of 40 bytes there is an alpha mask only with BI_ALPHABITFIELDS.
    has_alpha = (size >= 56 or compression == 6) and len(data) >= at + 16
    alpha = struct.unpack_from("<I", data, at + 12)[0] if has_alpha else 0
    masks = (red, green, blue, alpha)
    used = 0
    for mask in masks:
        shifted = mask >> _shift(mask)
        if shifted & (shifted + 1) or mask & used or mask >> depth:
            return None  # a mask with gaps, overlapping another, or larger than a pixel
        used |= mask
    return _Header(start, width, height, depth, masks) if red and green and blue else None


def _shift(mask: int) -> int:
    return (mask & -mask).bit_length() - 1 if mask else 0


def _band(pixels: NDArray[Any], mask: int) -> NDArray[np.uint8]:
    """The samples that a mask selects, scaled to 8 bits."""
    most = mask >> _shift(mask)
    if not most:
        return np.zeros(pixels.shape, np.uint8)
    values = (pixels & pixels.dtype.type(mask)) >> pixels.dtype.type(_shift(mask))
    scaled: NDArray[np.uint8] = (values * (255 / most) + 0.5).astype(np.uint8)
    return scaled
