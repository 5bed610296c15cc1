"""From bytes to an upright RGB image, whatever the file: the only place that decodes."""

import io
import struct
import warnings
import zlib
from dataclasses import dataclass

import numpy as np
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    ExifTags,
    GifImagePlugin,
    Image,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from ..errors import TooManyPixels, TooSmall, Truncated, Undecodable, UnsupportedType
from . import dicom, file_limits
from .decode_budget import DecodeBudget

HEIF = "HEIF"
# The accepted formats, by Pillow's names, and the media types they are posted with. Importing a
# plugin registers it; naming them keeps Pillow from importing its forty others.
FORMATS = {
    JpegImagePlugin.JpegImageFile.format: "image/jpeg",
    PngImagePlugin.PngImageFile.format: "image/png",
    WebPImagePlugin.WebPImageFile.format: "image/webp",
    BmpImagePlugin.BmpImageFile.format: "image/bmp",
    TiffImagePlugin.TiffImageFile.format: "image/tiff",
    GifImagePlugin.GifImageFile.format: "image/gif",
    AvifImagePlugin.AvifImageFile.format: "image/avif",
    HEIF: "image/heic",
    dicom.NAME: dicom.MEDIA_TYPE,
}
ACCEPTED = ", ".join(FORMATS)

MIN_SIDE = 32  # pixels; below it no structure of a lesion is left
MAX_PIXELS = 25 * 1000 * 1000
# Decoded at a time, where nobody sets another limit: as many as the largest image and a dozen of
# the usual size. Decoding takes up to 15 bytes a pixel (WebP), so this is 420 MB at most.
ROOM_PIXELS = 28 * 1000 * 1000

# What is often posted by mistake (or on purpose) under an image's name: leading bytes and name.
_FOREIGN = (
    (b"\x00\x00\x00\x0cJP  ", "a JPEG 2000 image"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 image"),
    (b"\x00\x00\x00\x0cJXL ", "a JPEG XL image"),
    (b"8BPS", "a Photoshop document"),
    (b"%PDF", "a PDF document"),
    (b"<!DOCTYPE HTML", "an HTML page"),
    (b"<HTML", "an HTML page"),
    (b"<SVG", "an SVG drawing"),
    (b"<?XML", "an XML document (SVG?)"),
    (b"PK\x03\x04", "a ZIP archive"),
)

# EXIF's orientations, how each is put upright, and which lie on their side. Pillow's own helper
# writes all of the EXIF anew, and fails where it cannot.
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
TURNED = (5, 6, 7, 8)

FAX = ("tiff_ccitt", "group3", "group4")

# Of callers that bring none of their own, such as the training job: these can wait.
PATIENT = DecodeBudget(ROOM_PIXELS, waiting=None, patience_s=None)

# Our own limit is checked before decoding; Pillow's only warns at 89 megapixels.
Image.MAX_IMAGE_PIXELS = None
PngImagePlugin.MAX_TEXT_MEMORY = 2 * 1024 * 1024
# Pillow's warnings quote metadata, which belongs in no log.
warnings.filterwarnings("ignore", module="PIL")

# What Pillow raises for damaged files, found by mutation (tests/function/imaging/test_decode.py).
_DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    IndexError,
    EOFError,
    TypeError,
    RuntimeError,
    struct.error,
    zlib.error,
)


@dataclass(frozen=True)
class Caution:
    """Something about the image that the client should know; ``code`` is for programs."""

    code: str
    message: str


FIRST_PICTURE = Caution(
    "first-picture", "The file holds more than one picture; the first was used."
)


@dataclass(frozen=True)
class Decoded:
    """An upright RGB image; ``width`` and ``height`` are the file's own, in pixels, once upright.

    ``image`` may be smaller than that: see `decode`.
    """

    image: Image.Image
    width: int
    height: int
    warnings: tuple[Caution, ...]


def decode(data: bytes, enough: int | None = None, budget: DecodeBudget = PATIENT) -> Decoded:
    """Decode a file of one of the `FORMATS` to upright RGB.

    ``enough``: a side in pixels that the caller will not need to exceed; a JPEG may then be decoded
    at a half, a quarter or an eighth of its size, which is up to 13 times faster. ``budget``: what
    bounds the pixels that are decoded at a time.

    Raises UnsupportedType, Undecodable, Truncated, TooSmall, TooManyPixels, Overloaded.
    """
    file, frames = _open(data)
    width, height = file.size
    if min(width, height) < MIN_SIDE:
        raise TooSmall(
            f"The image is {width}×{height} pixels; at least {MIN_SIDE} a side are needed."
        )
    pixels = max(width * height, _tile_pixels(file))
    if pixels > MAX_PIXELS:
        raise TooManyPixels(
            f"The image is {width}×{height} pixels, {pixels / 1e6:.0f} megapixels; "
            f"at most {MAX_PIXELS / 1e6:.0f} are accepted."
        )
    # Fax compressions make a picture of any noise, and libtiff logs each line of it.
    if str(file.info.get("compression", "")).startswith(FAX):
        raise Undecodable("The image is a fax (CCITT); send a photograph.")
    # A tile needs a few bytes of the file and much more of the processor.
    if len(getattr(file, "tile", ())) > 4 * max(file.size):
        raise Undecodable("The image is cut into more tiles than it has rows.")
    with budget.take(pixels):
        try:
            several = frames > 1 or getattr(file, "is_animated", False)
            if enough is not None:
                file.draft("RGB", (enough, enough))
            file.load()
            orientation = file.getexif().get(ExifTags.Base.Orientation, 1)
            picture = _rgb(_reduced(file, enough))
        except _DAMAGE as error:
            raise _damaged(error) from None
    if orientation in _UPRIGHT:
        picture = picture.transpose(_UPRIGHT[orientation])
    if orientation in TURNED:
        width, height = height, width
    return Decoded(picture, width, height, (FIRST_PICTURE,) if several else ())


def _tile_pixels(file: Image.Image) -> int:
    """Pixels of a TIFF file's tile, which is decoded whole and may be larger than the image."""
    tags = getattr(file, "tag_v2", {})
    sides = [tags.get(tag, 0) for tag in (ExifTags.Base.TileWidth, ExifTags.Base.TileLength)]
    return int(sides[0]) * int(sides[1])


def _reduced(file: Image.Image, enough: int | None) -> Image.Image:
    """Shrink a large image by a whole factor, to no less than twice ``enough``.

    Done before converting, which copies.
    """
    factor = min(file.size) // (2 * enough) if enough else 1
    if factor < 2 or file.mode in ("1", "P", "PA"):
        return file
    return (_eight_bits(file) if file.mode.startswith("I;") else file).reduce(factor)


def _open(data: bytes) -> tuple[Image.Image, int]:
    """Return a file whose size is known, and its number of frames where that is known already."""
    if dicom.recognized(data):
        return dicom.open_first(data)
    file_limits.check(data)
    formats = [name for name in FORMATS if name != dicom.NAME]
    if data[4:8] == b"ftyp":
        # Pillow needs a plugin for what iPhones take; only such files wait for its import.
        import pi_heif

        pi_heif.register_heif_opener()
    else:
        formats.remove(HEIF)
    try:
        return Image.open(io.BytesIO(data), formats=formats), 1
    except UnidentifiedImageError:
        pass
    except _DAMAGE as error:
        raise _damaged(error) from None
    start = data[:256].lstrip(b"\xef\xbb\xbf \t\r\n").upper()
    for prefix, name in _FOREIGN:
        if start.startswith(prefix):
            raise UnsupportedType(f"The file is {name}; accepted are {ACCEPTED} images.")
    raise Undecodable(f"The file is not an image that can be read; accepted are {ACCEPTED}.")


def _damaged(error: Exception) -> Truncated | Undecodable:
    """Pillow says "truncated" in the message only; the rest of it may quote the file."""
    if "truncated" in str(error).lower():
        return Truncated("The image file ends too early; send the whole file.")
    return Undecodable(f"The image file is damaged; accepted are intact {ACCEPTED} images.")


def _eight_bits(image: Image.Image) -> Image.Image:
    """Scale 16-bit grey to 8 bits; Pillow would clip at 255 instead."""
    return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))


def _rgb(image: Image.Image) -> Image.Image:
    """Convert any of Pillow's modes to RGB: transparency over white, 16 bits to 8 by scaling."""
    if image.mode == "RGB":
        return image
    if image.mode in ("F", "I"):
        raise Undecodable("The image holds values of 32 bits; 8 or 16 are accepted.")
    if image.mode.startswith("I"):
        return _eight_bits(image).convert("RGB")
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    return image.convert("RGB")
