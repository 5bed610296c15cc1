"""TIFF files with separate colour planes of 16 bits, which Pillow decodes to wrong colours."""

import io
import struct
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from PIL import Image, TiffImagePlugin

from ..errors import Undecodable
from .exif import tags
from .sizes import CheckSize

_CLASSIC = (b"II*\0", b"MM\0*")  # not BigTIFF
# Tags and values of TIFF 6.0.
_WIDTH, _HEIGHT, _BITS, _PHOTOMETRIC = 256, 257, 258, 262
_SAMPLES, _PLANAR, _EXTRA = 277, 284, 338
_BLACK_IS_ZERO, _RGB, _INTERLEAVED, _PLANES = 1, 2, 1, 2
_NO_ALPHA, _PREMULTIPLIED, _ALPHA = 0, 1, 2
# Tags with an entry for each strip or tile of each plane: offsets and byte counts.
_LISTS = (273, 279, 324, 325)
_SHORT = 3
_TYPE_BYTES = {3: 2, 4: 4}
# The values of these tags in the directory of a single plane.
_GREY = {_BITS: 16, _SAMPLES: 1, _PHOTOMETRIC: _BLACK_IS_ZERO, _PLANAR: _INTERLEAVED}


class Picture(NamedTuple):
    """The first picture of a file: RGB or RGBA, 8 bits."""

    image: Image.Image
    profile: bytes | None
    several: bool  # whether the file holds further pictures


def open_first(data: bytes, check_size: CheckSize) -> Picture | None:
    """Decode the first picture of a file with planes of 16 bits; return None for any other file.

    Samples keep their upper 8 bits. Each plane is decoded by Pillow as a grey picture, whose
    directory is appended to the file. Raises Undecodable, and what ``check_size`` and Pillow
    raise.
    """
    known = dict(tags(data))
    if known.get(_PLANAR) != _PLANES or known.get(_BITS) != 16:
        return None
    count = known.get(_SAMPLES, 1)
    if known.get(_PHOTOMETRIC) != _RGB or count not in (3, 4) or data[:4] not in _CLASSIC:
        raise Undecodable(
            "The TIFF holds its colours as planes of 16 bits, and is no classic TIFF in RGB; send "
            "it with its colours interleaved, in 8 bits, or as a PNG or JPEG."
        )
    check_size(known.get(_WIDTH, 0), known.get(_HEIGHT, 0))
    bands = []
    for plane in range(count):
        with Image.open(
            io.BytesIO(_plane(data, plane, count)), formats=[TiffImagePlugin.TiffImageFile.format]
        ) as grey:
            bands.append(Image.fromarray((np.asarray(grey) >> 8).astype(np.uint8)))
            profile = grey.info.get("icc_profile")
            several = getattr(grey, "is_animated", False)
    fourth = known.get(_EXTRA, _ALPHA) if count == 4 else _NO_ALPHA
    if fourth == _NO_ALPHA:
        image = Image.merge("RGB", bands[:3])
    elif fourth == _PREMULTIPLIED:
        image = Image.merge("RGBa", bands).convert("RGBA")
    else:
        image = Image.merge("RGBA", bands)
    return Picture(image, profile, several)


def _plane(data: bytes, plane: int, count: int) -> bytes:
    """The file with a directory for one of its ``count`` planes as the first directory."""
    order = "<" if data.startswith(b"II") else ">"
    following = _following(data, order)
    made = []
    for tag, kind, entries, value in _entries(data, order):
        size = _TYPE_BYTES.get(kind, 0)
        if tag in _GREY:
            made.append(struct.pack(f"{order}HHIHxx", tag, _SHORT, 1, _GREY[tag]))
        elif tag in _LISTS and size and entries % count == 0:
            part = entries // count
            start = plane * part * size
            if entries * size <= 4:
                value = value[start : start + part * size].ljust(4, b"\0")
            else:
                (at,) = struct.unpack(f"{order}I", value)
                at += start
                whole = part * size > 4
                value = struct.pack(f"{order}I", at) if whole else data[at : at + part * size]
            made.append(struct.pack(f"{order}HHI", tag, kind, part) + value.ljust(4, b"\0"))
        elif tag != _EXTRA:
            made.append(struct.pack(f"{order}HHI", tag, kind, entries) + value)
    at = len(data) + len(data) % 2
    directory = struct.pack(f"{order}H", len(made)) + b"".join(made) + following
    return data[:4] + struct.pack(f"{order}I", at) + data[8:].ljust(at - 8, b"\0") + directory


def _following(data: bytes, order: str) -> bytes:
    """The offset of the second directory, 0 if there is none."""
    end = _places(data, order)[-1]
    return data[end : end + 4]


def _entries(data: bytes, order: str) -> Iterator[tuple[int, int, int, bytes]]:
    """The first directory: tag, type, number of values, and the values or their offset."""
    for at in _places(data, order)[:-1]:
        yield struct.unpack_from(f"{order}HHI4s", data, at)


def _places(data: bytes, order: str) -> range:
    """Where the entries of the first directory begin, and where the last one ends."""
    (start,) = struct.unpack_from(f"{order}I", data, 4)
    (number,) = struct.unpack_from(f"{order}H", data, start)
    return range(start + 2, start + 2 + 12 * number + 1, 12)
