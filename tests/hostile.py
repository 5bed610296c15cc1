"""Small files and forms that are disproportionately costly to process.

``size`` is the approximate number of bytes.
"""

import struct
import zlib
from collections.abc import Callable
from functools import partial

from PIL import Image

from tests.dicom import photograph
from tests.pictures import encoded, lesion

FORM = "multipart/form-data; boundary=b"
BINARY = "application/octet-stream"


def tiff_of_strips(size: int) -> bytes:
    """A TIFF whose list of strips fills the whole file."""
    words = ((256, 4, 64), (257, 4, 64), (258, 3, 8), (259, 3, 1), (262, 3, 1), (278, 4, 1))
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in words)
    entries += struct.pack("<HHII", 273, 1, size, 8 + 2 + 12 * 8 + 4)
    entries += struct.pack("<HHII", 279, 4, 1, 64)
    return b"II*\0" + struct.pack("<IH", 8, 8) + entries + bytes(4) + b"\x08" * size


def bmp_of_run_lengths(size: int, height: int = 32) -> bytes:
    """A BMP of a few bytes and ``size`` columns that Pillow decodes in Python, pixel by pixel."""
    palette = b"".join(bytes((level, level, level, 0)) for level in range(256))
    data = b"\x01\x00\x00\x00" * 40
    start = 14 + 40 + len(palette)
    header = struct.pack("<IiiHHIIiiII", 40, size, height, 1, 8, 1, len(data), 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", start + len(data), 0, 0, start) + header + palette + data


def gif_of_comments(size: int) -> bytes:
    """One comment, cut into blocks of one byte."""
    file = encoded(lesion(), "GIF")
    head = 13 + (3 * (2 << (file[10] & 7)) if file[10] & 0x80 else 0)
    return file[:head] + b"\x21\xfe" + b"\x01a" * (size // 2) + b"\0" + file[head:]


def gif_of_frames(size: int) -> bytes:
    """Very many frames of one pixel."""
    file = encoded(lesion(), "GIF")
    frame = b"\x2c\0\0\0\0\1\0\1\0\0\2\2\x44\1\0"
    return file[:-1] + frame * (size // len(frame)) + b"\x3b"


def jpeg_of_comments(size: int) -> bytes:
    """A restart marker, which has no length, followed by empty comments."""
    file = encoded(lesion())
    return file[:2] + b"\xff\xd0" + b"\xff\xfe\x00\x02" * (size // 4) + file[2:]


def jpeg_of_restarts(size: int) -> bytes:
    file = encoded(lesion())
    return file[:2] + b"\xff\xd0" * (size // 2) + file[2:]


def jpeg_of_scans(size: int) -> bytes:
    """A large progressive JPEG with its last scan repeated: each affects the whole image."""
    file = encoded(Image.new("RGB", (4000, 3000), "brown"), progressive=True)
    last = file.rindex(b"\xff\xda")
    return file[:-2] + file[last:-2] * (size // (len(file) - last)) + file[-2:]


def png_of_chunks(size: int) -> bytes:
    file = encoded(lesion(), "PNG")
    return file[:33] + (b"\0\0\0\0IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))) * (size // 12)


def png_with_a_long_profile(size: int) -> bytes:
    """A profile that decompresses to a thousand times its size."""
    packed = b"p\0\0" + zlib.compress(bytes(1000 * size), 9)
    chunk = b"iCCP" + packed
    chunk = struct.pack(">I", len(packed)) + chunk + struct.pack(">I", zlib.crc32(chunk))
    file = encoded(lesion(), "PNG")
    return file[:33] + chunk + file[33:]


def png_with_an_orientation_array(size: int) -> bytes:
    """An EXIF orientation that is an array of rationals."""
    count = size // 8
    exif = b"II*\0\x08\0\0\0\x01\0" + struct.pack("<HHII", 0x112, 5, count, 26) + bytes(4)
    chunk = b"eXIf" + exif + b"\6\0\0\0\1\0\0\0" * count
    chunk = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    file = encoded(lesion(), "PNG")
    return file[:33] + chunk + file[33:]


def webp_as_large_as_it_may_be(_: int) -> bytes:
    return encoded(Image.new("RGB", (6300, 4750), "brown"), "WEBP", quality=1, method=0)


def dicom_of_fragments(size: int) -> bytes:
    """Empty fragments after the picture's."""
    file = photograph(syntax="1.2.840.10008.1.2.4.50", photometric="YBR_FULL_422")
    end = file.rindex(b"\xfe\xff\xdd\xe0")
    return file[:end] + b"\xfe\xff\x00\xe0\0\0\0\0" * (size // 8) + file[end:]


def dicom_of_sequences(size: int) -> bytes:
    """Sequences within sequences before the picture."""
    file = photograph()
    start = file.index(b"\x08\x00\x16\x00UI")
    nest = b"\x08\x00\x15\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
    return file[:start] + nest * (size // len(nest)) + file[start:]


def dicom_of_elements(size: int) -> bytes:
    file = photograph()
    start = file.index(b"\x08\x00\x16\x00UI")
    return file[:start] + b"\x08\x00\x05\x00LO\0\0" * (size // 8) + file[start:]


def form(head: bytes, repeated: bytes, size: int) -> bytes:
    """A multipart body (boundary b) of one part with something repeated in its headers."""
    return b"--b\r\n" + head + repeated * (size // len(repeated)) + b"\r\n\r\nx\r\n--b--\r\n"


_NAMED = b'Content-Disposition: form-data; name="image"; filename="x"'
PICTURES: dict[str, Callable[[int], bytes]] = {
    "TIFF of strips": tiff_of_strips,
    "BMP of run lengths": lambda _: bmp_of_run_lengths(1_500_000),
    "small BMP of run lengths": lambda _: bmp_of_run_lengths(120_000),
    "GIF of comments": gif_of_comments,
    "GIF of frames": gif_of_frames,
    "JPEG of comments": jpeg_of_comments,
    "JPEG of restarts": jpeg_of_restarts,
    "JPEG of scans": lambda size: jpeg_of_scans(size // 10),
    "PNG of chunks": png_of_chunks,
    "PNG with a long profile": lambda size: png_with_a_long_profile(size // 100),
    "PNG with an array for an orientation": png_with_an_orientation_array,
    "WebP as large as it may be": webp_as_large_as_it_may_be,
    "DICOM of fragments": dicom_of_fragments,
    "DICOM of sequences": dicom_of_sequences,
    "DICOM of elements": dicom_of_elements,
}
FORMS: dict[str, Callable[[int], bytes]] = {
    "form with a long name": partial(
        form, b"Content-Disposition: form-data; name*=utf-8''", b"%41"
    ),
    "form with folded lines": partial(form, _NAMED, b"\r\n b"),
    "form with parameters": partial(form, _NAMED, b";a=b"),
    "form of headers": partial(form, _NAMED, b"\r\na: b"),
}


def requests(size: int) -> dict[str, tuple[bytes, str]]:
    """Body and media type of each kind."""
    pictures = {name: (make(size), BINARY) for name, make in PICTURES.items()}
    return pictures | {name: (make(size), FORM) for name, make in FORMS.items()}
