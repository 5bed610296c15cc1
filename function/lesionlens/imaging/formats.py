"""Opens a file of any accepted format, and explains why one cannot be opened or decoded."""

import io
import struct
import warnings
import zlib
from dataclasses import dataclass
from functools import partial

from PIL import AvifImagePlugin, Image, UnidentifiedImageError

from ..errors import Truncated, Undecodable
from . import bmp, dicom, jpeg, png, sizes, tiff, tiff_planes, webp
from .colour import CodePoints
from .format_detection import ACCEPTED, AVIF, BMP, DICOM, HEIF, JPEG, PNG, TIFF, WEBP, detect
from .sizes import CheckSize

# Bytes at the start of an AVIF or HEIC file that contain its properties.
_MAX_PROPERTIES = 64 * 1024
# `sizes.check` enforces our own limit before decoding; Pillow would only warn at 89 megapixels.
Image.MAX_IMAGE_PIXELS = None
# The stacks of threads would count against the decoder's limit on address space.
AvifImagePlugin.DEFAULT_MAX_THREADS = 1
# Pillow's warnings quote metadata, which must not be logged.
warnings.filterwarnings("ignore", module="PIL")

# The exceptions that Pillow raises for damaged files, found by mutating files
# (tests/function/imaging/test_decode.py).
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
    """An opened file, whose pixels are usually not decoded yet.

    ``profile``: of its colours, None for sRGB. ``exif``: EXIF whose orientation must be applied.
    ``several``: whether the file is known to hold more than one picture.
    """

    image: Image.Image
    profile: bytes | CodePoints | None
    exif: bytes
    several: bool


def register_heif() -> None:
    """Register the HEIC plugin with Pillow, decoding in a single thread."""
    import pi_heif

    pi_heif.options.DECODE_THREADS = 1
    pi_heif.register_heif_opener()


def open_file(data: bytes, modest: bool) -> File:
    """Open a file. Only variants that Pillow cannot read are decoded here already.

    ``modest``: raise `sizes.NeedsMore`, before anything is decoded, for a picture that needs much
    memory. Raises UnsupportedType, Undecodable, Truncated, TooSmall, TooManyPixels.
    """
    name = detect(data)
    if modest and name != JPEG and len(data) > sizes.MODEST_BYTES:
        raise sizes.NeedsMore
    check_size = partial(sizes.check, name=name, modest=modest)
    if name == DICOM:
        frame = dicom.open_first(data, check_size)
        # In DICOM, the orientation in the EXIF of a JPEG frame does not apply.
        profile = frame.profile or frame.image.info.get("icc_profile")
        return File(frame.image, profile, b"", frame.frames > 1)
    try:
        return _opened(data, name, check_size)
    except DAMAGE as error:
        raise damaged(error, data) from None


def _opened(data: bytes, name: str, check_size: CheckSize) -> File:
    """Open a file of a format other than DICOM. Raises what `open_file` does, and `DAMAGE`."""
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
        if planes := tiff_planes.open_first(data, check_size):
            return File(planes.image, planes.profile, b"", planes.several)
    elif name == WEBP:
        # Pillow allocates the canvas already when it opens the file.
        webp.check(data, check_size)
    elif name == HEIF:
        # Imported for such files only: Pillow itself cannot read HEIC.
        register_heif()
        code_points = _nclx(data)
    if image is None:
        image = _by_pillow(data, *((AVIF, HEIF) if name == HEIF else (name,)))
    return File(image, image.info.get("icc_profile") or code_points, _exif(image), False)


def _by_pillow(data: bytes, *names: str) -> Image.Image:
    return Image.open(io.BytesIO(data), formats=names)


def _nclx(data: bytes) -> CodePoints | None:
    """The colour code points of an AVIF or HEIC file (ISO/IEC 14496-12, "colr" box)."""
    at = data.find(b"colrnclx", 0, _MAX_PROPERTIES)
    if at < 0 or len(data) < at + 12:
        return None
    return CodePoints(*struct.unpack_from(">HH", data, at + 8))


def _exif(image: Image.Image) -> bytes:
    """The EXIF data; none for HEIC and TIFF, whose decoders apply the orientation themselves."""
    if image.format in (HEIF, TIFF):
        return b""
    return bytes(image.info.get("exif", b""))


def damaged(error: Exception, data: bytes) -> Truncated | Undecodable:
    """Return the problem for one of `DAMAGE`, raised for the file ``data``.

    Pillow tells the cause in the message only, which may quote the file and is not passed on.
    Raises MemoryError if that is the cause.
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
            f"The {detect(data)} file is damaged or of a variant of its format that is not "
            "supported; send it as a plain PNG or JPEG."
        )
    return Undecodable(f"The image file is damaged; accepted are intact {ACCEPTED} images.")
