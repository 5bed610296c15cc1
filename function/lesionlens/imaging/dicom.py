"""The first frame of a DICOM photograph; nothing else that the file says of a patient is read.

Accepted are the photographs and secondary captures that cameras, archives and converters write:
uncompressed or deflated, RLE, JPEG (baseline or lossless), JPEG-LS and JPEG 2000. JPEG is decoded
as any other JPEG is, the rest by pydicom and its plugins.
"""

import importlib
import io
import logging
import struct
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..errors import Truncated, Undecodable, UnsupportedType
from . import file_kinds, jpeg
from .sizes import CheckSize

if TYPE_CHECKING:
    from pydicom import Dataset

NAME = file_kinds.DICOM
MEDIA_TYPE = "application/dicom"

SOP_CLASSES = {
    "1.2.840.10008.5.1.4.1.1.77.1.7": "Dermoscopic Photography",
    "1.2.840.10008.5.1.4.1.1.77.1.4": "VL Photographic Image",
    "1.2.840.10008.5.1.4.1.1.7": "Secondary Capture",
    "1.2.840.10008.5.1.4.1.1.7.2": "Multi-frame Grayscale Byte Secondary Capture",
    "1.2.840.10008.5.1.4.1.1.7.3": "Multi-frame Grayscale Word Secondary Capture",
    "1.2.840.10008.5.1.4.1.1.7.4": "Multi-frame True Color Secondary Capture",
}
UNCOMPRESSED = {
    "1.2.840.10008.1.2": "implicit little endian",
    "1.2.840.10008.1.2.1": "explicit little endian",
    "1.2.840.10008.1.2.1.99": "deflated",
    "1.2.840.10008.1.2.2": "explicit big endian",
}
JPEG = {
    "1.2.840.10008.1.2.4.50": "JPEG baseline",
    "1.2.840.10008.1.2.4.51": "JPEG extended",
    "1.2.840.10008.1.2.4.57": "JPEG lossless",
    "1.2.840.10008.1.2.4.70": "JPEG lossless, first-order",
}
# By pydicom's plugin for each.
_PYLIBJPEG = {
    "1.2.840.10008.1.2.5": "RLE",
    "1.2.840.10008.1.2.4.90": "JPEG 2000 lossless",
    "1.2.840.10008.1.2.4.91": "JPEG 2000",
}
_PYJPEGLS = {
    "1.2.840.10008.1.2.4.80": "JPEG-LS lossless",
    "1.2.840.10008.1.2.4.81": "JPEG-LS near-lossless",
}
_PLUGINS = {**dict.fromkeys(_PYLIBJPEG, "pylibjpeg"), **dict.fromkeys(_PYJPEGLS, "pyjpegls")}
TRANSFER_SYNTAXES = {**UNCOMPRESSED, **JPEG, **_PYLIBJPEG, **_PYJPEGLS}
_GREY = ("MONOCHROME1", "MONOCHROME2")
# Photometric interpretations, and their samples a pixel.
PHOTOMETRIC = {
    **dict.fromkeys((*_GREY, "PALETTE COLOR"), 1),
    **dict.fromkeys(("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT"), 3),
}

_PALETTE = [
    f"{colour}PaletteColorLookupTable{part}"
    for colour in ("Red", "Green", "Blue")
    for part in ("Descriptor", "Data")
]
_FIELDS = [
    *("SOPClassUID", "SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration"),
    *("NumberOfFrames", "Rows", "Columns", "BitsAllocated", "BitsStored", "PixelRepresentation"),
    *("PixelData", "ICCProfile", "OpticalPathSequence", *_PALETTE),
]
# Segmented palettes are the same colours, packed.
_FIELDS += [f"Segmented{name}" for name in _PALETTE if name.endswith("Data")]

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
class Frame:
    """The first frame, which a JPEG decoder has yet to decode, or pydicom has decoded."""

    image: Image.Image
    profile: bytes | None
    frames: int


def warm() -> None:
    """Import all that a file may need."""
    for module in ("pydicom.encaps", "pydicom.pixels.decoders"):
        importlib.import_module(module)
    _quiet()


def open_first(data: bytes, check_size: CheckSize) -> Frame:
    """Return the first frame. Raises UnsupportedType, Undecodable, Truncated."""
    try:
        return _open(data, check_size)
    except EOFError:
        raise Truncated("The DICOM file ends too early; send the whole file.") from None
    except _DAMAGE:
        # pydicom's messages quote the file.
        raise Undecodable("The DICOM file is damaged.") from None


def _open(data: bytes, check_size: CheckSize) -> Frame:
    import pydicom

    _quiet()
    file = pydicom.dcmread(io.BytesIO(data), specific_tags=list(_FIELDS))
    # Of a file that was cut, pydicom may leave what came before as well.
    if "SOPClassUID" in file:
        _check_kind(file)
    if "PixelData" not in file:
        raise Truncated(
            "The DICOM file ends too early, or it holds no pixels (7FE0,0010); send the whole file."
        )
    width, height = int(file.Columns), int(file.Rows)
    frames = int(file.get("NumberOfFrames", None) or 1)
    if file.SamplesPerPixel != PHOTOMETRIC[file.PhotometricInterpretation] or (
        min(frames, width, height) < 1
    ):
        raise Undecodable("The DICOM file contradicts itself: samples, frames, rows or columns.")
    if file.file_meta.TransferSyntaxUID in JPEG:
        image = _jpeg(file, frames, check_size)
    else:
        check_size(width, height)
        _check_length(file)
        image = Image.fromarray(_eight_bits(file))
    if file.PhotometricInterpretation == "MONOCHROME1":
        check_size(width, height)  # before this decodes it
        # Its lowest value is white (PS3.3, C.7.6.3.1.2).
        image = image.point([255 - value for value in range(256)])
    path = file.get("OpticalPathSequence", None) or [file]
    return Frame(image, path[0].get("ICCProfile", None) or file.get("ICCProfile", None), frames)


def _check_kind(file: "Dataset") -> None:
    if file.SOPClassUID not in SOP_CLASSES:
        accepted = ", ".join(f"{uid} ({name})" for uid, name in SOP_CLASSES.items())
        raise UnsupportedType(
            f"The DICOM file is of the SOP class {_named(file.SOPClassUID)}; accepted are "
            f"{accepted}."
        )
    syntax = file.file_meta.TransferSyntaxUID
    if syntax not in TRANSFER_SYNTAXES:
        accepted = ", ".join(f"{uid} ({name})" for uid, name in TRANSFER_SYNTAXES.items())
        raise UnsupportedType(
            f"The DICOM file has the transfer syntax {_named(syntax)}; accepted are {accepted}."
        )
    photometric = str(file.get("PhotometricInterpretation", ""))
    if photometric and photometric not in PHOTOMETRIC:
        # Only what the standard writes is repeated: capital letters and a few digits.
        raise UnsupportedType(
            "The DICOM file has a photometric interpretation other than "
            f"{', '.join(PHOTOMETRIC)}, which are accepted."
        )
    bits, signed = int(file.get("BitsAllocated", 8)), int(file.get("PixelRepresentation", 0))
    if bits not in (8, 16) or signed:
        raise UnsupportedType(
            f"The DICOM file has {'signed ' if signed else ''}samples of {bits} bits; unsigned "
            "ones of 8 or 16 are accepted."
        )


def _check_length(file: "Dataset") -> None:
    """A frame that is not compressed has as many bytes as its header says."""
    if file.file_meta.TransferSyntaxUID not in UNCOMPRESSED:
        return
    pixels = file.Columns * file.Rows * int(file.BitsAllocated) // 8
    halved = file.PhotometricInterpretation == "YBR_FULL_422"
    size = pixels * (2 if halved else file.SamplesPerPixel)
    if len(file.PixelData) < size:
        raise Truncated(
            f"The DICOM file holds {len(file.PixelData)} bytes of pixels; a frame of "
            f"{file.Columns}×{file.Rows} has {size}."
        )


def _eight_bits(file: "Dataset") -> NDArray[np.uint8]:
    """(rows, columns) or (rows, columns, 3), decoded by pydicom and scaled to 8 bits."""
    from pydicom.pixels.processing import apply_color_lut
    from pydicom.pixels.utils import pixel_array

    plugin = _PLUGINS.get(file.file_meta.TransferSyntaxUID, "")
    pixels: NDArray[Any] = pixel_array(file, index=0, decoding_plugin=plugin)
    bits = int(file.BitsStored)
    if file.PhotometricInterpretation == "PALETTE COLOR":
        pixels = apply_color_lut(pixels, file)
        bits = 8 * pixels.dtype.itemsize
    if bits > 8:
        pixels = pixels >> (bits - 8)
    elif bits < 8:
        pixels = pixels * (255 // (2**bits - 1))
    return np.ascontiguousarray(pixels.astype(np.uint8))


def _jpeg(file: "Dataset", frames: int, check_size: CheckSize) -> Image.Image:
    """A JPEG says itself whether its samples are RGB or YCbCr, as libjpeg reads them.

    Of a lossless one libjpeg gives the samples as they are, so that the file's header counts.
    """
    from pydicom.encaps import get_frame

    if not file["PixelData"].is_undefined_length:
        raise Undecodable("The DICOM file is damaged: its JPEG is not cut into fragments.")
    frame = get_frame(file.PixelData, 0, number_of_frames=frames)
    image = jpeg.open_image(frame)
    if len(image.getbands()) != file.SamplesPerPixel:
        raise Undecodable("The DICOM file contradicts itself: its JPEG has other samples.")
    if image.size != (file.Columns, file.Rows):
        raise Undecodable(
            f"The DICOM file says {file.Columns}×{file.Rows} pixels, and its JPEG "
            f"{image.width}×{image.height}."
        )
    if jpeg.LOSSLESS in image.info and file.PhotometricInterpretation.startswith("YBR"):
        check_size(*image.size)  # before this decodes it
        image = Image.merge("YCbCr", image.split())
    return image


def _named(uid: Any) -> str:
    """A UID as found in the file, and its name: nothing but what a UID may hold."""
    text = str(uid)
    if not text.replace(".", "").isdigit() or len(text) > 64:
        return "that is no UID"
    name = getattr(uid, "name", text)
    return text if name == text else f"{text} ({name})"


def _quiet() -> None:
    """Silence pydicom's remarks, which quote values."""
    logging.getLogger("pydicom").disabled = True
    warnings.filterwarnings("ignore", module="pydicom")
