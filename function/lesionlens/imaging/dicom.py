"""The first frame of a DICOM file; no data about the patient is read.

Accepted are the photographs and secondary captures that cameras, archives and converters write (see
`dicom_types`). JPEG frames are decoded like JPEG files, all others by pydicom and its plugins.
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

from ..errors import Truncated, Undecodable
from . import dicom_types, jpeg
from .sizes import CheckSize

if TYPE_CHECKING:
    from pydicom import Dataset

_PALETTE = [
    f"{colour}PaletteColorLookupTable{part}"
    for colour in ("Red", "Green", "Blue")
    for part in ("Descriptor", "Data")
]
_FIELDS = [
    *("SOPClassUID", "SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration"),
    *("NumberOfFrames", "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit"),
    *("PixelRepresentation", "PixelData", "ICCProfile", "OpticalPathSequence", *_PALETTE),
]
# Segmented palettes are compressed ones.
_FIELDS += [f"Segmented{name}" for name in _PALETTE if name.endswith("Data")]

# The exceptions that pydicom raises for damaged files, found by mutating real ones.
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
    """The first frame: an opened JPEG, whose pixels are not decoded yet, or decoded by pydicom.

    ``profile``: its ICC profile; ``frames``: how many the file has.
    """

    image: Image.Image
    profile: bytes | None
    frames: int


def warm() -> None:
    """Import the modules that decoding any file may need, before files are opened."""
    for module in ("pydicom.encaps", "pydicom.pixels.decoders"):
        importlib.import_module(module)
    _quiet()


def open_first(data: bytes, check_size: CheckSize) -> Frame:
    """Return the first frame. Raises UnsupportedType, Undecodable, Truncated.

    ``check_size`` is called before pixels are decoded, and may raise more. The pixels of a JPEG are
    decoded by the caller, whose errors are those of `formats.DAMAGE`.
    """
    try:
        return _open(data, check_size)
    except EOFError:
        raise Truncated("The DICOM file ends too early; send the whole file.") from None
    except _DAMAGE:
        # pydicom's own message may quote the file.
        raise Undecodable("The DICOM file is damaged.") from None


def _open(data: bytes, check_size: CheckSize) -> Frame:
    import pydicom

    _quiet()
    file = pydicom.dcmread(io.BytesIO(data), specific_tags=list(_FIELDS))
    # For a truncated file, pydicom may also drop elements from before the end.
    if "SOPClassUID" in file:
        dicom_types.check(file)
    if "PixelData" not in file:
        raise Truncated(
            "The DICOM file ends too early, or it holds no pixels (7FE0,0010); send the whole file."
        )
    width, height = int(file.Columns), int(file.Rows)
    frames = int(file.get("NumberOfFrames", None) or 1)
    if file.SamplesPerPixel != dicom_types.PHOTOMETRIC[file.PhotometricInterpretation] or (
        min(frames, width, height) < 1
    ):
        raise Undecodable("The DICOM file contradicts itself: samples, frames, rows or columns.")
    if int(file.get("HighBit", file.BitsStored - 1)) != file.BitsStored - 1:
        raise Undecodable("The DICOM file holds its samples in other bits than the lowest.")
    if file.file_meta.TransferSyntaxUID in dicom_types.JPEG:
        image = _jpeg(file, frames, check_size)
    else:
        check_size(width, height)
        _check_length(file)
        image = Image.fromarray(_eight_bits(file))
    if file.PhotometricInterpretation == "MONOCHROME1":
        check_size(width, height)  # `point` decodes the image
        # Its lowest value is white (PS3.3, C.7.6.3.1.2).
        image = image.point([255 - value for value in range(256)])
    path = file.get("OpticalPathSequence", None) or [file]
    return Frame(image, path[0].get("ICCProfile", None) or file.get("ICCProfile", None), frames)


def _check_length(file: "Dataset") -> None:
    """Raise Truncated for an uncompressed file that is too short for one frame."""
    if file.file_meta.TransferSyntaxUID not in dicom_types.UNCOMPRESSED:
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
    """Decode the first frame with pydicom: (rows, columns) or (rows, columns, 3), 8 bits."""
    from pydicom.pixels.processing import apply_color_lut
    from pydicom.pixels.utils import pixel_array

    plugin = dicom_types.PLUGINS.get(file.file_meta.TransferSyntaxUID, "")
    pixels: NDArray[Any] = pixel_array(file, index=0, decoding_plugin=plugin)
    bits = int(file.BitsStored)
    if file.PhotometricInterpretation == "PALETTE COLOR":
        pixels = apply_color_lut(pixels, file)
        bits = 8 * pixels.dtype.itemsize
    if bits > 8:
        pixels = pixels >> (bits - 8)
    elif bits < 8:
        most = 2**bits - 1
        pixels = (pixels.astype(np.uint16) * 255 + most // 2) // most
    return np.ascontiguousarray(pixels.astype(np.uint8))


def _jpeg(file: "Dataset", frames: int, check_size: CheckSize) -> Image.Image:
    """Open the JPEG of the first frame.

    Whether its samples are RGB or YCbCr is read by libjpeg from the JPEG's own markers, except for
    lossless ones, which libjpeg does not convert: there the DICOM header counts.
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
        check_size(*image.size)  # `split` decodes the image
        image = Image.merge("YCbCr", image.split())
    return image


def _quiet() -> None:
    """Silence pydicom's log messages and warnings, which quote values of the file."""
    logging.getLogger("pydicom").disabled = True
    warnings.filterwarnings("ignore", module="pydicom")
