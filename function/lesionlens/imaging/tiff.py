"""What Pillow misreads in TIFF files, and what it cannot read, by name."""

from PIL import Image

from ..errors import Undecodable
from .exif import tags

_COMPRESSION, _PHOTOMETRIC, _PLANAR, _SAMPLE_FORMAT = 259, 262, 284, 339
_BITS = 258
_WHITE_IS_ZERO, _PLANES, _FLOAT = 0, 2, 3

# Compressions (TIFF 6.0, section 3, and libtiff's tiff.h) that are not decoded.
_COMPRESSIONS = {
    2: "CCITT",
    3: "CCITT Group 3",
    4: "CCITT Group 4",
    6: "the old style of JPEG",
    9: "JBIG",
    10: "JBIG",
    33003: "JPEG 2000",
    33004: "JPEG 2000",
    33005: "JPEG 2000",
    34661: "JBIG",
    34712: "JPEG 2000",
    34887: "LERC",
    34892: "lossy JPEG of DNG",
    50000: "Zstandard",
    50001: "WebP",
    50002: "JPEG XL",
    52546: "JPEG XL",
}
_ADVICE = "send it uncompressed or with LZW, Deflate or JPEG, in 8 bits, or as a PNG or JPEG"


def check(image: Image.Image) -> None:
    """Raise Undecodable for an opened file whose pixels Pillow would mix up."""
    known = getattr(image, "tag_v2", {})
    bits = known.get(_BITS, ())
    if known.get(_PLANAR) == _PLANES and isinstance(bits, tuple) and 16 in bits:
        raise Undecodable(
            "The TIFF holds its colours as planes of 16 bits; send it with its colours "
            "interleaved, in 8 bits, or as a PNG or JPEG."
        )


def is_inverted(image: Image.Image) -> bool:
    """Whether 0 is white. Pillow turns samples of up to 8 bits by itself."""
    white: bool = getattr(image, "tag_v2", {}).get(_PHOTOMETRIC) == _WHITE_IS_ZERO
    return white and image.mode.startswith("I;16")


def unsupported(data: bytes) -> str | None:
    """Why a file that could not be decoded may be sound all the same; None if it looks damaged."""
    known = dict(tags(data))
    if known.get(_SAMPLE_FORMAT) == _FLOAT:
        return f"The TIFF holds floating-point values; {_ADVICE}."
    name = _COMPRESSIONS.get(known.get(_COMPRESSION, 0))
    return name and f"The TIFF is compressed as {name}, which is not supported; {_ADVICE}."
