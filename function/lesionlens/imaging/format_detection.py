"""The accepted image formats, and which of them a file has, by its first bytes."""

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from ..errors import Undecodable, UnsupportedType
from . import bmp, file_kinds, png, tiff

# Pillow's names. Importing a plugin registers it; naming the formats keeps Pillow from importing
# its forty other plugins.
JPEG, PNG = JpegImagePlugin.JpegImageFile.format, PngImagePlugin.PngImageFile.format
WEBP, BMP = WebPImagePlugin.WebPImageFile.format, BmpImagePlugin.BmpImageFile.format
TIFF, GIF = TiffImagePlugin.TiffImageFile.format, GifImagePlugin.GifImageFile.format
AVIF, HEIF = AvifImagePlugin.AvifImageFile.format, file_kinds.HEIF
DICOM = file_kinds.DICOM
ACCEPTED = ", ".join((JPEG, PNG, WEBP, BMP, TIFF, GIF, AVIF, HEIF, DICOM))

_SIGNATURES = (
    (b"\xff\xd8\xff", JPEG),
    (png.SIGNATURE, PNG),
    (bmp.SIGNATURE, BMP),
    *((start, GIF) for start in (b"GIF87a", b"GIF89a")),
    *((start, TIFF) for start in tiff.SIGNATURES),
)
# Other formats that are often uploaded as images: their first bytes and their names.
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
# Other formats in the same container (ISO base media) as AVIF and HEIC, by their major brand.
_FOREIGN_BRANDS = {
    **dict.fromkeys((b"qt  ", b"isom", b"mp41", b"mp42", b"M4V ", b"avc1", b"3gp4"), "a video"),
    b"crx ": "a raw photograph",
}


def detect(data: bytes) -> str:
    """Return one of the names in `ACCEPTED`; `HEIF` for AVIF, too, whose container is the same.

    Raises UnsupportedType for a known other format, Undecodable for anything else.
    """
    if file_kinds.is_dicom(data):
        return DICOM
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
