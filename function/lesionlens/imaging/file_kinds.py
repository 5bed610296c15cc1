"""Which libraries a decoder needs for a file, by its first bytes.

Separate from `format_detection`, so that the server does not import an image library.
"""

DICOM, HEIF = "DICOM", "HEIF"
USUAL = ""  # decoded by Pillow alone

PREAMBLE = 128  # bytes of any content before DICOM's signature (PS3.10, 7.1)
MAGIC = b"DICM"


def is_dicom(data: bytes) -> bool:
    """Whether a file has DICOM's signature; files without a preamble are not recognized."""
    return data[PREAMBLE : PREAMBLE + len(MAGIC)] == MAGIC


def kind(data: bytes) -> str:
    """Return `DICOM`, `HEIF` (also for AVIF, whose container is the same) or `USUAL`."""
    if is_dicom(data):
        return DICOM
    return HEIF if data[4:8] == b"ftyp" else USUAL
