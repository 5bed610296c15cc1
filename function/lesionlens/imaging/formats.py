"""The accepted image formats: what a file is, how it is opened, and why one is refused."""

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

from ..errors import Truncated, Undecodable, UnsupportedType
from . import bmp, dicom, file_kinds, jpeg, png, sizes, tiff, tiff_planes, webp
from .colour import CodePoints
from .sizes import CheckSize

# Pillow's names. Importing a plugin registers it; naming them keeps Pillow from importing its forty
# others.
JPEG, PNG = JpegImagePlugin.JpegImageFile.format, PngImagePlugin.PngImageFile.format
WEBP, BMP = WebPImagePlugin.WebPImageFile.format, BmpImagePlugin.BmpImageFile.format
TIFF, GIF = TiffImagePlugin.TiffImageFile.format, GifImagePlugin.GifImageFile.format
AVIF, HEIF = AvifImagePlugin.AvifImageFile.format, file_kinds.HEIF
ACCEPTED = ", ".join((JPEG, PNG, WEBP, BMP, TIFF, GIF, AVIF, HEIF, dicom.NAME))

_SIGNATURES = (
    (b"\xff\xd8\xff", JPEG),
    (png.SIGNATURE, PNG),
    (bmp.SIGNATURE, BMP),
    *((start, GIF) for start in (b"GIF87a", b"GIF89a")),
    *((start, TIFF) for start in tiff.SIGNATURES),
)
# Bytes at the start of an AVIF or HEIC file among which its properties stand.
_MAX_PROPERTIES = 64 * 1024
# Other formats that are often posted as images: leading bytes and name.
_FOREIGN = (
    (b"\x00\x00\x00\x0cJP  ", "a JPEG 2000 image"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 image"),
    (b"\x00\x00\x00\x0cJXL ", "a JPEG XL image"),
    *((start, "a raw photograph") for start in (b"IIU\0", b"IIRO", b"IIRS", b"FUJIFILMCCD-RAW")),
    (b"8BPS", "a Photoshop document"),
    (b"%PDF", "a PDF document"),
    (b"<!DOCTYPE HTML", "an HTML page"),
    (b"<HTML", "an HTML page"),
    (b"<SVG", "an SVG drawing"),
    (b"<?XML", "an XML document (SVG?)"),
    (b"PK\x03\x04", "a ZIP archive"),
)
# Other formats made of the same boxes as AVIF and HEIC: brands and names.
_FOREIGN_BRANDS = {
    **dict.fromkeys((b"qt  ", b"isom", b"mp41", b"mp42", b"M4V ", b"avc1", b"3gp4"), "a video"),
    b"crx ": "a raw photograph",
}

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


@dataclass(frozen=True)
class File:
    """A file whose size is known and whose pixels are not decoded yet."""

    image: Image.Image
    profile: bytes | CodePoints | None
    exif: bytes
    several: bool


def register_heif() -> None:
    import pi_heif

    pi_heif.options.DECODE_THREADS = 1
    pi_heif.register_heif_opener()


def open_file(data: bytes, modest: bool) -> File:
    """Open a file, whose pixels only such formats decode now as Pillow does not read.

    ``modest``: raise NeedsMore before that, for a picture that takes much memory. Raises
    UnsupportedType, Undecodable, Truncated, TooSmall, TooManyPixels.
    """
    name = _format(data)
    if modest and name != JPEG and len(data) > sizes.MODEST_BYTES:
        raise sizes.NeedsMore
    check_size = partial(sizes.check, name=name, modest=modest)
    if name == dicom.NAME:
        frame = dicom.open_first(data, check_size)
        # What a frame's own EXIF says of its orientation does not count in DICOM.
        profile = frame.profile or frame.image.info.get("icc_profile")
        return File(frame.image, profile, b"", frame.frames > 1)
    try:
        return _opened(data, name, check_size)
    except DAMAGE as error:
        raise damaged(error, data) from None


def _opened(data: bytes, name: str, check_size: CheckSize) -> File:
    """Open a file of one of Pillow's formats. Raises one of `DAMAGE`, too."""
    if name == PNG:
        parts = png.read(data)
        return File(_by_pillow(parts.data, name), parts.profile, parts.exif, parts.several)
    code_points: CodePoints | None = None
    image: Image.Image | None = None
    if name == JPEG:
        image = jpeg.open_image(data)
    elif name == BMP:
        image = bmp.open_masked(data, check_size)
    elif name == TIFF:
        tiff.check(data)
        image = tiff_planes.open_image(data, check_size)
    elif name == WEBP:
        # Pillow allocates its canvas when it opens it.
        webp.check(data, check_size)
    elif name == HEIF:
        # Pillow needs a plugin for what iPhones take; only such files wait for its import.
        register_heif()
        code_points = _nclx(data)
    if image is None:
        image = _by_pillow(data, *((AVIF, HEIF) if name == HEIF else (name,)))
    return File(image, image.info.get("icc_profile") or code_points, _exif(image), False)


def _by_pillow(data: bytes, *names: str) -> Image.Image:
    return Image.open(io.BytesIO(data), formats=names)


def _format(data: bytes) -> str:
    """The format as its first bytes tell it. Raises UnsupportedType, Undecodable."""
    if file_kinds.is_dicom(data):
        return dicom.NAME
    for prefix, name in _SIGNATURES:
        if data.startswith(prefix):
            return name
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return WEBP
    if data[4:8] == b"ftyp":
        foreign = _FOREIGN_BRANDS.get(data[8:12])
        if foreign is None:
            return HEIF
        raise _unsupported(foreign)
    start = data[:256].lstrip(b"\xef\xbb\xbf \t\r\n").upper()
    for prefix, name in _FOREIGN:
        if start.startswith(prefix):
            raise _unsupported(name)
    raise Undecodable(f"The file is not an image that can be read; accepted are {ACCEPTED}.")


def _unsupported(name: str) -> UnsupportedType:
    return UnsupportedType(f"The file is {name}; accepted are {ACCEPTED} images.")


def _nclx(data: bytes) -> CodePoints | None:
    """The code points of an AVIF or HEIC file's picture (ISO/IEC 23008-12, colour information)."""
    at = data.find(b"colrnclx", 0, _MAX_PROPERTIES)
    if at < 0 or len(data) < at + 12:
        return None
    return CodePoints(*struct.unpack_from(">HH", data, at + 8))


def _exif(image: Image.Image) -> bytes:
    """The EXIF whose orientation is still to be applied: HEIC's and TIFF's decoders apply it."""
    if image.format in (HEIF, TIFF):
        return b""
    return bytes(image.info.get("exif", b""))


def damaged(error: Exception, data: bytes) -> Truncated | Undecodable:
    """What to tell the client of an error: one of `DAMAGE`. Raises MemoryError if it was that.

    Pillow says what it means in the message only; the rest of it may quote the file.
    """
    said = str(error).lower()
    if "memory" in said:
        raise MemoryError
    if "truncated" in said:
        return Truncated("The image file ends too early; send the whole file.")
    if reason := tiff.unsupported(data):
        return Undecodable(reason)
    if isinstance(error, UnidentifiedImageError) or "unsupported" in said:
        return Undecodable(
            f"The {_format(data)} file is damaged or of a variant of its format that is not "
            "supported; send it as a plain PNG or JPEG."
        )
    return Undecodable(f"The image file is damaged; accepted are intact {ACCEPTED} images.")
