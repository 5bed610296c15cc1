"""Reads tags of a TIFF directory, whose format EXIF shares: the orientation, for example."""

import struct
from collections.abc import Iterator

from PIL import Image

START = b"Exif\0\0"
_ORIENTATION = 0x0112
_SHORT, _LONG = 3, 4
_MOST_ENTRIES = 65535
# By a file's first bytes: byte order, the types of offsets and of the number of entries (as in
# `struct`), and the position of the first directory's offset. The last two formats are BigTIFF.
FORMS = {
    b"II*\0": ("<", "I", "H", 4),
    b"MM\0*": (">", "I", "H", 4),
    b"II+\0": ("<", "Q", "Q", 8),
    b"MM\0+": (">", "Q", "Q", 8),
}

# How a picture of each orientation is turned upright (EXIF 2.32, 4.6.4 A); 1 is upright.
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# The orientations for which width and height are exchanged.
TURNED = (5, 6, 7, 8)


def orientation(exif: bytes) -> int:
    """Read the orientation, 1 to 8, from the first directory; 1 if it is missing or damaged."""
    value = dict(reversed([*tags(exif.removeprefix(START))])).get(_ORIENTATION, 1)
    return value if 1 <= value <= 8 else 1


def tags(tiff: bytes) -> Iterator[tuple[int, int]]:
    """Yield the integer tags of the first directory, each with its first value.

    Ends early where the directory is damaged; yields nothing for other data.
    Source: TIFF 6.0, section 2, and "The BigTIFF File Format" (libtiff).
    """
    form = FORMS.get(tiff[:4])
    if form is None:
        return
    order, offset, count, at = form
    try:
        (start,) = struct.unpack_from(order + offset, tiff, at)
        (entries,) = struct.unpack_from(order + count, tiff, start)
        head = struct.Struct(f"{order}HH{offset}")
        inline = struct.calcsize(order + offset)
        first = start + struct.calcsize(order + count)
        for number in range(min(entries, _MOST_ENTRIES)):
            place = first + number * (head.size + inline)
            tag, kind, values = head.unpack_from(tiff, place)
            if kind in (_SHORT, _LONG) and values:
                value = f"{order}H" if kind == _SHORT else f"{order}I"
                place += head.size
                if values * struct.calcsize(value) > inline:
                    (place,) = struct.unpack_from(order + offset, tiff, place)
                yield tag, struct.unpack_from(value, tiff, place)[0]
    except (struct.error, OverflowError):
        return
