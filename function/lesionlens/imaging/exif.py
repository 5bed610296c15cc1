"""The orientation that a picture's EXIF states; the rest of the EXIF is not read."""

import struct

from PIL import Image

START = b"Exif\0\0"
_ORIENTATION = 0x0112
_SHORT = 3

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
    data = exif.removeprefix(START)
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(data[:4])
    if order is None:
        return 1
    try:
        (start,) = struct.unpack_from(f"{order}I", data, 4)
        (entries,) = struct.unpack_from(f"{order}H", data, start)
        for entry in range(entries):
            tag, kind, count, value = struct.unpack_from(
                f"{order}HHIH", data, start + 2 + 12 * entry
            )
            if tag == _ORIENTATION:
                valid = kind == _SHORT and count == 1 and 1 <= value <= 8
                return int(value) if valid else 1
    except struct.error:
        pass
    return 1
