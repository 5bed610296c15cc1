"""The libraries that a decoder needs for a file, determined by its first bytes.

Separate from `formats`, so that the server need not import an image library.
"""

DICOM, HEIF = "DICOM", "HEIF"
USUAL = ""  # decoded by Pillow alone

PREAMBLE = 128  # bytes of anything at all, before DICOM's magic word
MAGIC = b"DICM"


def is_dicom(data: bytes) -> bool:
    return data[PREAMBLE : PREAMBLE + len(MAGIC)] == MAGIC


def kind(data: bytes) -> str:
    """`DICOM`, `HEIF` (which AVIF looks like) or `USUAL`: what `decode.warm` takes."""
    if is_dicom(data):
        return DICOM
    return HEIF if data[4:8] == b"ftyp" else USUAL
