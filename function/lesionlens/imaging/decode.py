"""From bytes to an upright picture in sRGB, whatever the file: the one rule."""

import importlib
import io
import struct
import warnings
import zlib
from dataclasses import dataclass
from functools import partial

import numpy as np
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
from . import colour, dicom, exif, png, tiff
from .colour import CodePoints

HEIF = "HEIF"
_JPEG = JpegImagePlugin.JpegImageFile.format
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
# A picture is shrunk while it is decoded only as long as its shorter side stays at so many pixels.
FULL_SIDE = 1024
MEGA = 1_000_000
# Baseline JPEGs shrink while they are decoded; the others must fit into a decoder's memory as they
# are. Pillow takes 15 bytes a pixel for WebP, up to 10 for the rest.
MAX_PIXELS = {"JPEG": 200 * MEGA, "WEBP": 30 * MEGA}
MAX_OTHER_PIXELS = 50 * MEGA
# From here on a decoder's large limits are needed, unless the file is a baseline JPEG.
MODEST_PIXELS = 4 * MEGA
# Bytes at the start of an AVIF or HEIC file among which its properties stand.
_MAX_PROPERTIES = 64 * 1024
# What Pillow imports on the way.
_LAZY = ("PIL.MpoImagePlugin", "PIL.ImageMode", "encodings.utf_16", "encodings.latin_1")

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
CAUTIONS = {caution.code: caution for caution in (FIRST_PICTURE,)}


class NeedsMore(Exception):
    """The picture is too large for modest limits."""


@dataclass(frozen=True)
class Decoded:
    """An upright picture in sRGB; ``width`` and ``height`` are the file's own, once upright.

    ``image`` is the file's picture, shrunk by 2, 4 or 8 as long as its shorter side stays at
    `FULL_SIDE` or more.
    """

    image: Image.Image
    width: int
    height: int
    warnings: tuple[Caution, ...]


@dataclass(frozen=True)
class _File:
    """A file whose size is known and whose pixels are not decoded yet."""

    image: Image.Image
    profile: bytes | CodePoints | None
    exif: bytes
    several: bool


def decode(data: bytes, modest: bool = False) -> Decoded:
    """Decode a file of one of the `FORMATS`: the one rule of training, evaluation and serving.

    The picture is upright, converted to sRGB by its embedded profile, over white where it is
    transparent, and shrunk as `Decoded` says. ``modest``: raise NeedsMore, before anything is
    decoded, for a picture that takes much memory.

    This is for files that are trusted; `decoders` does the same within limits.
    Raises UnsupportedType, Undecodable, Truncated, TooSmall, TooManyPixels.
    """
    try:
        file = _open(data, modest)
    except Undecodable:
        # Pillow allocates a WebP's canvas when it opens it, and takes a failure for damage.
        if modest and data[8:12] == b"WEBP":
            raise NeedsMore from None
        raise
    image = file.image
    width, height = image.size
    _check_size(width, height, image.format or dicom.NAME, modest and not _shrinks(image))
    try:
        several = file.several or getattr(image, "is_animated", False)
        image.draft("RGB", (FULL_SIDE, FULL_SIDE))
        image.load()
        picture = _over_white(_reduced(_eight_bits(image)), file.profile)
    except _DAMAGE as error:
        raise _damaged(error, data) from None
    orientation = exif.orientation(file.exif)
    if orientation in exif.UPRIGHT:
        picture = picture.transpose(exif.UPRIGHT[orientation])
    if orientation in exif.TURNED:
        width, height = height, width
    return Decoded(picture, width, height, (FIRST_PICTURE,) if several else ())


def _shrinks(image: Image.Image) -> bool:
    """Whether the picture is shrunk while it is decoded, and takes little memory."""
    return image.format == _JPEG and "progressive" not in image.info


def _check_size(width: int, height: int, name: str, modest: bool) -> None:
    if min(width, height) < MIN_SIDE:
        raise TooSmall(
            f"The image is {width}×{height} pixels; at least {MIN_SIDE} a side are needed."
        )
    most = MAX_PIXELS.get(name, MAX_OTHER_PIXELS)
    if width * height > most:
        raise TooManyPixels(
            f"The image is {width}×{height} pixels, {width * height / MEGA:.0f} megapixels; at "
            f"most {most / MEGA:.0f} are accepted of a {name}. Send it smaller, or as a baseline "
            f"JPEG of {MAX_PIXELS[_JPEG] / MEGA:.0f} at most."
        )
    if modest and width * height > MODEST_PIXELS:
        raise NeedsMore


def kind(data: bytes) -> str:
    """What `warm` has to import for a file."""
    if dicom.recognized(data):
        return dicom.NAME
    return HEIF if data[4:8] == b"ftyp" else ""


def warm(file_kind: str) -> None:
    """Import all that decoding a kind of file will need, while files can be opened."""
    Image.preinit()
    for module in _LAZY:
        importlib.import_module(module)
    buffer = io.BytesIO()
    Image.new("P", (MIN_SIDE, MIN_SIDE)).save(buffer, "TIFF")
    decode(buffer.getvalue())
    colour.to_srgb(Image.new("RGB", (1, 1)), CodePoints(12, 13))
    if file_kind == HEIF:
        _register_heif()
    elif file_kind == dicom.NAME:
        dicom.warm()


def _register_heif() -> None:
    import pi_heif

    pi_heif.options.DECODE_THREADS = 1
    pi_heif.register_heif_opener()


def _open(data: bytes, modest: bool) -> _File:
    if dicom.recognized(data):
        frame = dicom.open_first(data, partial(_check_size, name=dicom.NAME, modest=modest))
        # What a frame's own EXIF says of its orientation does not count in DICOM.
        profile = frame.profile or frame.image.info.get("icc_profile")
        return _File(frame.image, profile, b"", frame.frames > 1)
    if data.startswith(png.SIGNATURE):
        parts = png.read(data)
        image = _identified(parts.data, [PngImagePlugin.PngImageFile.format])
        return _File(image, parts.profile, parts.exif, parts.several)
    formats = [name for name in FORMATS if name != dicom.NAME]
    code_points: CodePoints | None = None
    if data[4:8] == b"ftyp":
        # Pillow needs a plugin for what iPhones take; only such files wait for its import.
        _register_heif()
        code_points = _nclx(data)
    else:
        formats.remove(HEIF)
    image = _identified(data, formats)
    tiff.check(image)
    return _File(image, image.info.get("icc_profile") or code_points, _exif(image), False)


def _identified(data: bytes, formats: list[str]) -> Image.Image:
    try:
        return Image.open(io.BytesIO(data), formats=formats)
    except UnidentifiedImageError:
        pass
    except _DAMAGE as error:
        raise _damaged(error, data) from None
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


def _damaged(error: Exception, data: bytes) -> Truncated | Undecodable:
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


def _eight_bits(image: Image.Image) -> Image.Image:
    """Bring the pixels to L, LA, RGB, RGBA, CMYK or LAB, 8 bits a sample.

    Samples of 16 bits are scaled; Pillow would clip them at 255.
    """
    if image.mode in ("F", "I"):
        found = "floating-point values" if image.mode == "F" else "values of 32 bits"
        raise Undecodable(f"The image holds {found}; whole numbers of 8 or 16 bits are accepted.")
    if image.mode.startswith("I;"):
        samples = np.asarray(image)
        if tiff.is_inverted(image):
            samples = 65535 - samples
        grey = Image.fromarray((samples >> 8).astype(np.uint8))
        key = image.info.get("transparency")
        if key is None:
            return grey
        alpha = Image.fromarray(np.where(samples == key, 0, 255).astype(np.uint8))
        return Image.merge("LA", (grey, alpha))
    if image.has_transparency_data:
        # A transparent colour must become transparency before pixels are averaged.
        mode = "LA" if image.mode in ("1", "L", "LA") else "RGBA"
    elif image.mode in ("CMYK", "LAB"):
        return image
    else:
        mode = "L" if image.mode in ("1", "L") else "RGB"
    return image if image.mode == mode else image.convert(mode)


def _reduced(image: Image.Image) -> Image.Image:
    """Shrink as a JPEG is shrunk while it is decoded, where it was not: by 2, 4 or 8."""
    most = min(image.size) // FULL_SIDE
    factor = max(factor for factor in (1, 2, 4, 8) if factor <= max(most, 1))
    return image.reduce(factor) if factor > 1 else image


def _over_white(image: Image.Image, profile: bytes | CodePoints | None) -> Image.Image:
    """Convert to RGB in sRGB; transparent pixels show white."""
    if image.mode not in ("LA", "RGBA"):
        return colour.to_srgb(image, profile)
    alpha = image.getchannel("A")
    opaque = colour.to_srgb(image.convert("L" if image.mode == "LA" else "RGB"), profile)
    white = Image.new("RGB", image.size, "white")
    white.paste(opaque, mask=alpha)
    return white
