"""Which libraries a decoder needs for a file, told by its first bytes.

Apart from `formats`, so that the server can ask without importing an image library.
"""

DICOM, HEIF = "DICOM", "HEIF"
USUAL = ""  # what Pillow decodes by itself

PREAMBLE = 128  # bytes of anything at all, before DICOM's magic word
MAGIC = b"DICM"


def is_dicom(data: bytes) -> bool:
    return data[PREAMBLE : PREAMBLE + len(MAGIC)] == MAGIC


def kind(data: bytes) -> str:
    """`DICOM`, `HEIF` (which AVIF looks like) or `USUAL`: what `decode.warm` takes."""
    if is_dicom(data):
        return DICOM
    return HEIF if data[4:8] == b"ftyp" else USUAL
