"""The accepted image formats: what a file is, what its size may be, and why one is refused."""

import io
import struct
import warnings
import zlib
from dataclasses import dataclass
from functools import partial

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from ..errors import TooManyPixels, TooSmall, Truncated, Undecodable, UnsupportedType
from . import dicom, png, tiff
from .colour import CodePoints

HEIF = "HEIF"
JPEG = JpegImagePlugin.JpegImageFile.format
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

MEGA = 1_000_000
MIN_SIDE = 32  # pixels; below it no structure of a lesion is left
# Baseline JPEGs shrink while they are decoded; the others must fit into a decoder's memory as they
# are. Pillow takes 15 bytes a pixel for WebP, up to 10 for the rest.
MAX_PIXELS = {"JPEG": 200 * MEGA, "WEBP": 30 * MEGA}
MAX_OTHER_PIXELS = 50 * MEGA
# From here on a decoder's large limits are needed, unless the file is a baseline JPEG.
MODEST_PIXELS = 4 * MEGA
# Bytes at the start of an AVIF or HEIC file among which its properties stand.
_MAX_PROPERTIES = 64 * 1024
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

# Our own limit is checked before decoding; Pillow's only warns at 89 megapixels.
Image.MAX_IMAGE_PIXELS = None
# Threads would take address space from a decoder's limit.
AvifImagePlugin.DEFAULT_MAX_THREADS = 1
# Pillow's warnings quote metadata, which belongs in no log.
warnings.filterwarnings("ignore", module="PIL")

# What Pillow raises for damaged files, found by mutation (tests/function/imaging/test_decode.py).
DAMAGE = (
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


class NeedsMore(Exception):
    """The picture is too large for modest limits."""


@dataclass(frozen=True)
class File:
    """A file whose size is known and whose pixels are not decoded yet."""

    image: Image.Image
    profile: bytes | CodePoints | None
    exif: bytes
    several: bool


def kind(data: bytes) -> str:
    """What `warm` has to import for a file."""
    if dicom.recognized(data):
        return dicom.NAME
    return HEIF if data[4:8] == b"ftyp" else ""


def register_heif() -> None:
    import pi_heif

    pi_heif.options.DECODE_THREADS = 1
    pi_heif.register_heif_opener()


def open_file(data: bytes, modest: bool) -> File:
    if dicom.recognized(data):
        frame = dicom.open_first(data, partial(check_size, name=dicom.NAME, modest=modest))
        # What a frame's own EXIF says of its orientation does not count in DICOM.
        profile = frame.profile or frame.image.info.get("icc_profile")
        return File(frame.image, profile, b"", frame.frames > 1)
    if data.startswith(png.SIGNATURE):
        parts = png.read(data)
        image = _identified(parts.data, [PngImagePlugin.PngImageFile.format])
        return File(image, parts.profile, parts.exif, parts.several)
    formats = [name for name in FORMATS if name != dicom.NAME]
    code_points: CodePoints | None = None
    if data[4:8] == b"ftyp":
        # Pillow needs a plugin for what iPhones take; only such files wait for its import.
        register_heif()
        code_points = _nclx(data)
    else:
        formats.remove(HEIF)
    image = _identified(data, formats)
    tiff.check(image)
    return File(image, image.info.get("icc_profile") or code_points, _exif(image), False)


def _identified(data: bytes, formats: list[str]) -> Image.Image:
    try:
        return Image.open(io.BytesIO(data), formats=formats)
    except UnidentifiedImageError:
        pass
    except DAMAGE as error:
        raise damaged(error, data) from None
    if reason := tiff.unsupported(data):
        raise Undecodable(reason)
    start = data[:256].lstrip(b"\xef\xbb\xbf \t\r\n").upper()
    for prefix, name in _FOREIGN:
        if start.startswith(prefix):
            raise UnsupportedType(f"The file is {name}; accepted are {ACCEPTED} images.")
    raise Undecodable(f"The file is not an image that can be read; accepted are {ACCEPTED}.")


def _nclx(data: bytes) -> CodePoints | None:
    """The code points of an AVIF or HEIC file's picture (ISO/IEC 23008-12, colour information)."""
    at = data.find(b"colrnclx", 0, _MAX_PROPERTIES)
    if at < 0 or len(data) < at + 12:
        return None
    return CodePoints(*struct.unpack_from(">HH", data, at + 8))


def _exif(image: Image.Image) -> bytes:
    """The EXIF whose orientation is still to be applied: HEIC's and TIFF's decoders apply it."""
    if image.format in (HEIF, TiffImagePlugin.TiffImageFile.format):
        return b""
    return bytes(image.info.get("exif", b""))


def damaged(error: Exception, data: bytes) -> Truncated | Undecodable:
    """Pillow says what it means in the message only; the rest of it may quote the file."""
    said = str(error).lower()
    if "truncated" in said:
        return Truncated("The image file ends too early; send the whole file.")
    if reason := tiff.unsupported(data):
        return Undecodable(reason)
    if "unsupported" in said:
        return Undecodable(
            "The image file is of a variant of its format that is not supported; send it as a "
            "plain PNG or JPEG."
        )
    return Undecodable(f"The image file is damaged; accepted are intact {ACCEPTED} images.")


def check_size(width: int, height: int, name: str, modest: bool) -> None:
    if min(width, height) < MIN_SIDE:
        raise TooSmall(
            f"The image is {width}×{height} pixels; at least {MIN_SIDE} a side are needed."
        )
    most = MAX_PIXELS.get(name, MAX_OTHER_PIXELS)
    if width * height > most:
        raise TooManyPixels(
            f"The image is {width}×{height} pixels, {width * height / MEGA:.0f} megapixels; at "
            f"most {most / MEGA:.0f} are accepted of a {name}. Send it smaller, or as a baseline "
            f"JPEG of {MAX_PIXELS[JPEG] / MEGA:.0f} at most."
        )
    if modest and width * height > MODEST_PIXELS:
        raise NeedsMore
