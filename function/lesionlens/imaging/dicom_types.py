"""The kinds of DICOM files that are accepted: SOP classes, transfer syntaxes, kinds of pixels.

Sources: DICOM PS3.6, annex A, for the UIDs; PS3.3, C.7.6.3.1.2, for photometric interpretations.
"""

from typing import TYPE_CHECKING, Any

from ..errors import UnsupportedType

if TYPE_CHECKING:
    from pydicom import Dataset

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
_PYLIBJPEG = {
    "1.2.840.10008.1.2.5": "RLE",
    "1.2.840.10008.1.2.4.90": "JPEG 2000 lossless",
    "1.2.840.10008.1.2.4.91": "JPEG 2000",
}
_PYJPEGLS = {
    "1.2.840.10008.1.2.4.80": "JPEG-LS lossless",
    "1.2.840.10008.1.2.4.81": "JPEG-LS near-lossless",
}
# pydicom's decoding plugin, by transfer syntax; the others need none.
PLUGINS = {**dict.fromkeys(_PYLIBJPEG, "pylibjpeg"), **dict.fromkeys(_PYJPEGLS, "pyjpegls")}
TRANSFER_SYNTAXES = {**UNCOMPRESSED, **JPEG, **_PYLIBJPEG, **_PYJPEGLS}
# Samples per pixel, by photometric interpretation.
PHOTOMETRIC = {
    **dict.fromkeys(("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR"), 1),
    **dict.fromkeys(("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT"), 3),
}


def check(file: "Dataset") -> None:
    """Raise UnsupportedType for a file of another kind, by its header alone.

    Raises one of the exceptions of pydicom for damaged values.
    """
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
        # The value is not quoted: it may be any text.
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


def _named(uid: Any) -> str:
    """A UID and its name for a message; text that is not a UID is not quoted."""
    text = str(uid)
    if not text.replace(".", "").isdigit() or len(text) > 64:
        return "that is no UID"
    name = getattr(uid, "name", text)
    return text if name == text else f"{text} ({name})"
