"""Reduces a PNG file to the chunks of its picture, so that damage elsewhere does not matter."""

import struct
import zlib
from dataclasses import dataclass

from .colour import CodePoints

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CRITICAL = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
# Ancillary chunks that affect how the pixels are displayed, or that tell of an animation.
_MEANING = (b"tRNS", b"iCCP", b"cICP", b"eXIf", b"acTL")
_MAX_PROFILE = 4 * 1024 * 1024  # bytes, inflated


@dataclass(frozen=True)
class Png:
    """``data``: the file with only its critical chunks and its transparency (tRNS)."""

    data: bytes
    profile: bytes | CodePoints | None
    exif: bytes
    several: bool  # whether it is an animation


def read(data: bytes) -> Png:
    """Split a file into its picture and its metadata.

    Ancillary chunks with a wrong checksum are ignored; the decoder checks the critical ones.
    Source: PNG specification, third edition (W3C, 2025).
    """
    kept: list[bytes | memoryview] = []
    said: dict[bytes, bytes] = {}
    view, at = memoryview(data), len(SIGNATURE)
    start = 0  # of the current run of adjacent chunks that are kept
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        end = min(at + 12 + length, len(data))
        if kind not in _CRITICAL or (kind == b"IDAT" and not length):
            if start < at:
                kept.append(view[start:at])
            start = end
            if kind in _MEANING and _is_sound(view[at:end], length):
                said.setdefault(kind, bytes(view[at + 8 : end - 4]))
        elif kind == b"IDAT" and b"tRNS" in said:
            kept.append(view[start:at])
            start = at
            kept.append(_chunk(b"tRNS", _eight_bit_key(data[8:33], said.pop(b"tRNS"))))
        at = end
    kept.append(view[start:])
    code_points = said.get(b"cICP", b"")
    frames = said.get(b"acTL", b"")
    return Png(
        data=b"".join(kept),
        profile=(
            CodePoints(code_points[0], code_points[1])
            if len(code_points) == 4
            else _profile(said.get(b"iCCP", b""))
        ),
        exif=said.get(b"eXIf", b""),
        several=int.from_bytes(frames[:4], "big") > 1,
    )


def _is_sound(chunk: memoryview, length: int) -> bool:
    whole = len(chunk) == 12 + length
    return whole and zlib.crc32(chunk[4:-4]) == int.from_bytes(chunk[-4:], "big")


def _profile(iccp: bytes) -> bytes | None:
    """Inflate an ICC profile; None if there is none or it is damaged."""
    _, _, compressed = iccp.partition(b"\0")
    try:
        return zlib.decompressobj().decompress(compressed[1:], _MAX_PROFILE) or None
    except zlib.error:
        return None


def _eight_bit_key(header: bytes | memoryview, key: bytes) -> bytes:
    """Convert a tRNS colour to the scale of Pillow, which scales samples to 8 bits first.

    RGB samples of 16 bits lose their lower byte, so a few more colours may become transparent.
    """
    depth, colour_type = header[16], header[17]
    if colour_type == 0 and depth in (2, 4):
        return struct.pack(">H", int.from_bytes(key[:2], "big") * (255 // (2**depth - 1)) & 255)
    if colour_type == 2 and depth == 16:
        return bytes(value for high in key[:6:2] for value in (0, high))
    return key


def _chunk(kind: bytes, content: bytes) -> bytes:
    body = kind + content
    return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))
