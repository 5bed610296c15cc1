"""Opens JPEG files, and reads from their headers what Pillow does not report."""

import io
from typing import NamedTuple

from PIL import Image, JpegImagePlugin

from ..errors import Undecodable

FORMAT = JpegImagePlugin.JpegImageFile.format
# Set in `Image.info`, as Pillow does for "progressive".
LOSSLESS = "lossless"
PROGRESSIVE = "progressive"
MULTI_SCAN = "multi-scan"  # baseline with one scan per component; libjpeg buffers it whole, too

# The coding processes that libjpeg-turbo decodes, by start-of-frame marker (ITU-T T.81, table B.1).
_BASELINE, _EXTENDED, _PROGRESSIVE, _LOSSLESS = 0xC0, 0xC1, 0xC2, 0xC3
_ARITHMETIC, _ARITHMETIC_PROGRESSIVE = 0xC9, 0xCA
_DECODED = (
    *(_BASELINE, _EXTENDED, _PROGRESSIVE, _LOSSLESS),
    *(_ARITHMETIC, _ARITHMETIC_PROGRESSIVE),
)
# All start-of-frame markers; the three exceptions in their range are DHT, JPG and DAC.
_FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_ALONE = {0x01, *range(0xD0, 0xD9)}  # markers without a length
_SCAN, _END = 0xDA, 0xD9
# A photograph has some twenty segments before its frame.
_MOST_SEGMENTS = 1000


class _Frame(NamedTuple):
    process: int  # the marker that starts it
    bits: int  # of a sample
    multi_scan: bool  # whether its first scan lacks components


def open_image(data: bytes) -> Image.Image:
    """Open a JPEG, and set `LOSSLESS` or `MULTI_SCAN` in its `info` if that applies.

    Raises Undecodable for processes that are not supported, and what Pillow raises.
    """
    found = _frame(data)
    if found is not None:
        if found.process not in _DECODED:
            raise Undecodable(
                f"The JPEG is hierarchical or of another rare process (SOF{found.process - 0xC0}); "
                "send a baseline or progressive JPEG."
            )
        if found.bits != 8:
            raise Undecodable(
                f"The JPEG has samples of {found.bits} bits; accepted are 8. Send it in 8 bits."
            )
    image = Image.open(io.BytesIO(data), formats=[FORMAT])
    if found is not None and found.process == _LOSSLESS:
        image.info[LOSSLESS] = True
    elif found is not None and found.multi_scan and PROGRESSIVE not in image.info:
        image.info[MULTI_SCAN] = True
    return image


def shrinks(image: Image.Image) -> bool:
    """Whether `Image.draft` can shrink the picture while it is decoded."""
    return isinstance(image, JpegImagePlugin.JpegImageFile) and LOSSLESS not in image.info


def name(image: Image.Image) -> str | None:
    """Return the kind of JPEG as in `sizes.MAX_PIXELS`; None for another format."""
    if not isinstance(image, JpegImagePlugin.JpegImageFile):
        return None
    kinds = [kind for kind in (LOSSLESS, PROGRESSIVE, MULTI_SCAN) if kind in image.info]
    return " ".join([*kinds, FORMAT])


def is_modest(image: Image.Image) -> bool:
    """Whether decoding needs little memory whatever the size of the picture."""
    return name(image) == FORMAT


def _frame(data: bytes) -> _Frame | None:
    """Parse the headers of the first frame and its first scan; None if there is no frame."""
    at, found, components = 2, None, 0
    for _ in range(_MOST_SEGMENTS):
        at = data.find(b"\xff", at)
        if at < 0 or at + 5 > len(data):
            return found
        marker = data[at + 1]
        if marker == _SCAN and found:
            return found._replace(multi_scan=data[at + 4] < components)
        if marker in (_SCAN, _END):
            return found
        if marker in _FRAMES and not found and at + 10 <= len(data):
            found, components = _Frame(marker, data[at + 4], False), data[at + 9]
        if marker in (0x00, 0xFF) or marker in _ALONE:
            at += 1 if marker == 0xFF else 2
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return found
