"""What a JPEG's frame header says that Pillow does not tell."""

import io

from PIL import Image, JpegImagePlugin

from ..errors import Undecodable

FORMAT = JpegImagePlugin.JpegImageFile.format
# Set in `Image.info`, as Pillow does for "progressive".
LOSSLESS = "lossless"
PROGRESSIVE = "progressive"

# Processes by their start-of-frame marker (ITU-T T.81, table B.1); libjpeg-turbo decodes these.
_BASELINE, _EXTENDED, _PROGRESSIVE, _LOSSLESS = 0xC0, 0xC1, 0xC2, 0xC3
_ARITHMETIC, _ARITHMETIC_PROGRESSIVE = 0xC9, 0xCA
_DECODED = (
    *(_BASELINE, _EXTENDED, _PROGRESSIVE, _LOSSLESS),
    *(_ARITHMETIC, _ARITHMETIC_PROGRESSIVE),
)
# Among these markers are the starts of frames, and three others.
_FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_ALONE = {0x01, *range(0xD0, 0xD9)}  # markers without a length
_SCAN, _END = 0xDA, 0xD9
# A photograph has some twenty segments before its frame.
_MOST_SEGMENTS = 1000


def open_image(data: bytes) -> Image.Image:
    """Open a JPEG, and note whether it is lossless. Raises Undecodable, and what Pillow raises."""
    found = _frame(data)
    if found is not None:
        process, bits = found
        if process not in _DECODED:
            raise Undecodable(
                f"The JPEG is hierarchical or of another rare process (SOF{process - 0xC0}); send "
                "a baseline or progressive JPEG."
            )
        if bits != 8:
            raise Undecodable(
                f"The JPEG has samples of {bits} bits; accepted are 8. Send it in 8 bits."
            )
    image = Image.open(io.BytesIO(data), formats=[FORMAT])
    if found is not None and found[0] == _LOSSLESS:
        image.info[LOSSLESS] = True
    return image


def shrinks(image: Image.Image) -> bool:
    """Whether a picture can be shrunk while it is decoded."""
    return isinstance(image, JpegImagePlugin.JpegImageFile) and LOSSLESS not in image.info


def name(image: Image.Image) -> str | None:
    """What kind of JPEG an image is, as `sizes.MAX_PIXELS` has it; None if it is none."""
    if not isinstance(image, JpegImagePlugin.JpegImageFile):
        return None
    kinds = [kind for kind in (LOSSLESS, PROGRESSIVE) if kind in image.info]
    return " ".join([*kinds, FORMAT])


def is_modest(image: Image.Image) -> bool:
    """Whether decoding takes little memory, however large the picture is."""
    return name(image) == FORMAT


def _frame(data: bytes) -> tuple[int, int] | None:
    """The marker that starts the frame and the bits of a sample; None where none is found."""
    at = 2
    for _ in range(_MOST_SEGMENTS):
        at = data.find(b"\xff", at)
        if at < 0 or at + 5 > len(data):
            return None
        marker = data[at + 1]
        if marker in _FRAMES:
            return marker, data[at + 4]
        if marker in (_SCAN, _END):
            return None
        if marker in (0x00, 0xFF) or marker in _ALONE:
            at += 1 if marker == 0xFF else 2
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return None
