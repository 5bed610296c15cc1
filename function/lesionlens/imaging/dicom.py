"""The first frame of a DICOM photograph; nothing else that the file says of a patient is read.

Accepted are the Dermoscopic Photography and the VL Photographic Image, as cameras and archives
write them: 8 bits a sample, uncompressed (little endian) or JPEG baseline.
"""

import importlib
import io
import logging
import struct
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, JpegImagePlugin

from ..errors import Truncated, Undecodable, UnsupportedType

NAME = "DICOM"
MEDIA_TYPE = "application/dicom"

PREAMBLE = 128  # bytes of anything at all, before the magic word
MAGIC = b"DICM"

SOP_CLASSES = {
    "1.2.840.10008.5.1.4.1.1.77.1.7": "Dermoscopic Photography",
    "1.2.840.10008.5.1.4.1.1.77.1.4": "VL Photographic Image",
}
UNCOMPRESSED = {
    "1.2.840.10008.1.2": True,  # with implicit value representations
    "1.2.840.10008.1.2.1": False,
}
JPEG_BASELINE = "1.2.840.10008.1.2.4.50"

# Pillow's mode of uncompressed samples, by their photometric interpretation.
MODES = {"MONOCHROME2": "L", "RGB": "RGB", "YBR_FULL": "YCbCr"}
# JPEG also has its chroma subsampled.
JPEG_MODES = {**MODES, "YBR_FULL_422": "YCbCr"}

# Says that samples are RGB as they stand. Without it, JPEG's readers take them for YCbCr.
_ADOBE_RGB = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00"

_TRANSFER_SYNTAX = 0x00020010
_META_GROUP = 0x0002
_PIXEL_DATA = 0x7FE00010
_UNDEFINED = 0xFFFFFFFF
_FIELDS = (
    "SOPClassUID",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "PlanarConfiguration",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "PixelRepresentation",
)

# What pydicom raises for damaged files, found by mutating real ones.
_DAMAGE = (
    ArithmeticError,
    AttributeError,
    LookupError,
    NotImplementedError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    EOFError,
    struct.error,
)


@dataclass(frozen=True)
class _Header:
    """What is read of a file: its kind, the shape of its samples, and where they stand."""

    sop_class: str
    photometric: str
    width: int
    height: int
    samples: int
    planar: bool
    frames: int
    bits: tuple[int, int, int]  # allocated, stored, and 1 if signed
    start: int
    length: int


def recognized(data: bytes) -> bool:
    return data[PREAMBLE : PREAMBLE + len(MAGIC)] == MAGIC


def warm() -> None:
    """Import all that a file may need."""
    importlib.import_module("pydicom.encaps")
    _reader()


def open_first(data: bytes) -> tuple[Image.Image, int]:
    """Return the first frame and the number of frames.

    A JPEG frame is not decoded yet; an uncompressed one is no larger than the file.
    Raises UnsupportedType, Undecodable, Truncated.
    """
    try:
        syntax, start = _syntax(data)
        if syntax not in UNCOMPRESSED and syntax != JPEG_BASELINE:
            raise UnsupportedType(
                f"The DICOM file has the transfer syntax {_uid(syntax)}; accepted are "
                f"{', '.join(UNCOMPRESSED)} (uncompressed) and {JPEG_BASELINE} (JPEG baseline)."
            )
        header = _header(data, start, implicit=UNCOMPRESSED.get(syntax, False))
        _check(header, JPEG_MODES if syntax == JPEG_BASELINE else MODES)
        if syntax == JPEG_BASELINE:
            return _compressed(data, header), header.frames
        return _uncompressed(data, header), header.frames
    except _DAMAGE:
        # pydicom's messages quote the file.
        raise Undecodable("The DICOM file is damaged.") from None


def _syntax(data: bytes) -> tuple[str, int]:
    """The transfer syntax, from the file's meta information, and where that ends."""
    meta = io.BytesIO(data)
    meta.seek(PREAMBLE + len(MAGIC))
    found = _reader().read_dataset(
        meta,
        False,
        True,
        stop_when=lambda tag, *_: tag >> 16 != _META_GROUP,
        specific_tags=[_TRANSFER_SYNTAX],
    )
    return str(found.TransferSyntaxUID), meta.tell()


def _header(data: bytes, start: int, implicit: bool) -> _Header:
    from pydicom.tag import Tag

    pixels: list[int] = []

    def stop(tag: int, _: str | None, length: int) -> bool:
        if tag >= _PIXEL_DATA and not pixels:
            pixels.extend((tag, file.tell(), length))
        return tag >= _PIXEL_DATA

    file = io.BytesIO(data)
    file.seek(start)
    found = _reader().read_dataset(
        file, implicit, True, stop_when=stop, specific_tags=[Tag(name) for name in _FIELDS]
    )
    if not pixels or pixels[0] != _PIXEL_DATA:
        if file.tell() >= len(data) - 8:
            raise Truncated("The DICOM file ends too early, before its pixels (7FE0,0010).")
        raise Undecodable("The DICOM file holds no pixels (7FE0,0010).")
    return _Header(
        sop_class=str(found.SOPClassUID),
        photometric=str(found.PhotometricInterpretation),
        width=int(found.Columns),
        height=int(found.Rows),
        samples=int(found.SamplesPerPixel),
        planar=bool(int(found.get("PlanarConfiguration", None) or 0)),
        frames=int(found.get("NumberOfFrames", None) or 1),
        bits=(int(found.BitsAllocated), int(found.BitsStored), int(found.PixelRepresentation)),
        start=pixels[1],
        length=pixels[2],
    )


def _check(header: _Header, modes: dict[str, str]) -> None:
    if header.sop_class not in SOP_CLASSES:
        accepted = ", ".join(f"{uid} ({name})" for uid, name in SOP_CLASSES.items())
        raise UnsupportedType(
            f"The DICOM file is of the SOP class {_uid(header.sop_class)}; accepted are {accepted}."
        )
    if header.photometric not in modes:
        # Only what the standard writes is repeated: capital letters and a few digits.
        raise UnsupportedType(
            "The DICOM file has a photometric interpretation other than "
            f"{', '.join(modes)}, which are accepted."
        )
    if header.bits != (8, 8, 0):
        raise UnsupportedType(
            f"The DICOM file has samples of {header.bits[0]} bits ({header.bits[1]} used); "
            "unsigned ones of 8 are accepted."
        )
    expected = 1 if modes[header.photometric] == "L" else 3
    if header.samples != expected or header.frames < 1 or min(header.width, header.height) < 1:
        raise Undecodable("The DICOM file contradicts itself: samples, frames, rows or columns.")


def _uncompressed(data: bytes, header: _Header) -> Image.Image:
    size = header.width * header.height * header.samples
    samples = np.frombuffer(memoryview(data)[header.start :][:size], np.uint8)
    if len(samples) < size:
        raise Truncated(
            f"The DICOM file holds {len(samples)} bytes of pixels; a frame of "
            f"{header.width}×{header.height} has {size}."
        )
    if header.planar:
        samples = samples.reshape(header.samples, -1).T
    mode = MODES[header.photometric]
    return Image.frombytes(mode, (header.width, header.height), samples.tobytes())


def _compressed(data: bytes, header: _Header) -> Image.Image:
    from pydicom.encaps import get_frame

    if header.length != _UNDEFINED:
        raise Undecodable("The DICOM file is damaged: its JPEG is not cut into fragments.")
    frame = get_frame(data[header.start :], 0, number_of_frames=header.frames)
    jpeg = [JpegImagePlugin.JpegImageFile.format]
    picture: Image.Image = Image.open(io.BytesIO(frame), formats=jpeg)
    if header.photometric == "RGB" and not picture.info.keys() & {"adobe", "jfif"}:
        picture = Image.open(io.BytesIO(frame[:2] + _ADOBE_RGB + frame[2:]), formats=jpeg)
    if len(picture.getbands()) != header.samples:
        raise Undecodable("The DICOM file contradicts itself: its JPEG has other samples.")
    if picture.size != (header.width, header.height):
        raise Undecodable(
            f"The DICOM file says {header.width}×{header.height} pixels, and its JPEG "
            f"{picture.width}×{picture.height}."
        )
    return picture


def _uid(text: str) -> str:
    """A UID as found in the file, for a message: nothing but what a UID may hold."""
    return text if text.replace(".", "").isdigit() and len(text) <= 64 else "that is no UID"


def _reader() -> Any:
    """pydicom, imported for the few requests that need it, its remarks on values silenced."""
    import pydicom.filereader

    logging.getLogger("pydicom").disabled = True
    warnings.filterwarnings("ignore", module="pydicom")
    return pydicom.filereader
