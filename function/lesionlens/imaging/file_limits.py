"""The outline of a file, walked before Pillow reads it: its parsers and decoders know no bound.

A small file can hold millions of empty segments, or draw one picture a thousand times over.
"""

from ..errors import Undecodable

JPEG, PNG = b"\xff\xd8", b"\x89PNG\r\n\x1a\n"
# Progressive photographs have about ten scans; each is decoded over the whole picture.
MAX_SCANS = 100
# Before the picture: cameras write some tens, and large colour profiles a few more.
MAX_SEGMENTS = 1000
# Encoders write image data in pieces of 8 kB or more.
MAX_CHUNKS = 20_000

_SCAN = b"\xff\xda"


def check(data: bytes) -> None:
    """Raises Undecodable for a JPEG or PNG file of more parts than a picture needs."""
    if data.startswith(JPEG):
        _check_jpeg(data)
    elif data.startswith(PNG):
        _check_png(data)


def _check_jpeg(data: bytes) -> None:
    # Inside of image data 0xFF is always followed by something else (ITU-T T.81, B.1.1.5).
    if data.count(_SCAN) > MAX_SCANS:
        raise Undecodable(f"The JPEG has more than {MAX_SCANS} scans; send a plain photograph.")
    at = len(JPEG)
    for _ in range(MAX_SEGMENTS):
        marker = data[at : at + 2]
        if marker == b"\xff\xff":
            at += 1  # a fill byte
        elif marker == _SCAN or not marker.startswith(b"\xff"):
            return
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    raise Undecodable(f"The JPEG has more than {MAX_SEGMENTS} segments before its picture.")


def _check_png(data: bytes) -> None:
    at = len(PNG)
    for _ in range(MAX_CHUNKS):
        if at >= len(data):
            return
        at += 12 + int.from_bytes(data[at : at + 4], "big")
    raise Undecodable(f"The PNG has more than {MAX_CHUNKS} chunks.")
