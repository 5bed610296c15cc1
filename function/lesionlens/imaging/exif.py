"""Tags of a TIFF directory, which is what EXIF is: the orientation, and how a TIFF is packed."""

import struct
from collections.abc import Iterator

from PIL import Image

START = b"Exif\0\0"
_ORIENTATION = 0x0112
_SHORT, _LONG = 3, 4

# How each orientation is put upright (EXIF 2.32, 4.6.4 A); 1 is upright already.
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Of these, width and height change places.
TURNED = (5, 6, 7, 8)


def orientation(exif: bytes) -> int:
    """Read the orientation, 1 to 8, from the first directory; 1 if it is missing or damaged."""
    value = dict(reversed([*tags(exif.removeprefix(START))])).get(_ORIENTATION, 1)
    return value if 1 <= value <= 8 else 1


def tags(tiff: bytes) -> Iterator[tuple[int, int]]:
    """The first directory's tags of whole numbers, each with its first, as far as can be read."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None:
        return
    try:
        (start,) = struct.unpack_from(f"{order}I", tiff, 4)
        (entries,) = struct.unpack_from(f"{order}H", tiff, start)
        for at in range(start + 2, start + 2 + 12 * entries, 12):
            tag, kind, count = struct.unpack_from(f"{order}HHI", tiff, at)
            if kind in (_SHORT, _LONG) and count:
                form = f"{order}H" if kind == _SHORT else f"{order}I"
                place = at + 8
                if count * struct.calcsize(form) > 4:
                    (place,) = struct.unpack_from(f"{order}I", tiff, place)
                yield tag, struct.unpack_from(form, tiff, place)[0]
    except struct.error:
        return
