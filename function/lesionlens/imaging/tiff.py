"""Detects TIFF files that Pillow misreads, and explains which it cannot read."""

from PIL import Image

from ..errors import Undecodable, UnsupportedType
from .exif import FORMS, tags

SIGNATURES = tuple(FORMS)

# Tags and values of TIFF 6.0.
_KIND, _BITS, _COMPRESSION, _PHOTOMETRIC, _SAMPLE_FORMAT = 254, 258, 259, 262, 339
_REDUCED = 1
_WHITE_IS_ZERO = 0
# Sample formats whose bits mean something else than whole numbers from 0.
_SAMPLE_FORMATS = {2: "signed", 3: "floating-point", 5: "complex", 6: "complex"}

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


def check(data: bytes) -> None:
    """Reject files that Pillow would read, but not as they are meant.

    Raises UnsupportedType if the first picture is only a preview, and Undecodable for samples that
    are not whole numbers from 0.
    """
    known = dict(tags(data))
    if found := _SAMPLE_FORMATS.get(known.get(_SAMPLE_FORMAT, 1)):
        raise Undecodable(f"The TIFF holds {found} values; {_ADVICE}.")
    if known.get(_KIND, 0) & _REDUCED:
        raise UnsupportedType(
            "The TIFF is a raw photograph, or a preview stands first in it; develop it, and send a "
            "JPEG or PNG."
        )


def bits(image: Image.Image) -> int:
    """The bits of a sample that Pillow decodes to 16: 12 or 16."""
    found: tuple[int, ...] = getattr(image, "tag_v2", {}).get(_BITS, (16,))
    return found[0]


def is_inverted(image: Image.Image) -> bool:
    """Whether 0 is white, and Pillow does not invert the samples, as it does up to 8 bits."""
    white: bool = getattr(image, "tag_v2", {}).get(_PHOTOMETRIC) == _WHITE_IS_ZERO
    return white and image.mode.startswith("I;16")


def unsupported(data: bytes) -> str | None:
    """Explain why an intact file could not be decoded; None if it is probably damaged."""
    name = _COMPRESSIONS.get(dict(tags(data)).get(_COMPRESSION, 0))
    return name and f"The TIFF is compressed as {name}, which is not supported; {_ADVICE}."
