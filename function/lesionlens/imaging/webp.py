"""Checks the size of a WebP picture before memory is allocated for it."""

from .sizes import CheckSize


def check(data: bytes, check_size: CheckSize) -> None:
    """Call ``check_size`` with the size in the file's first chunk, unless the chunk is damaged.

    Source: RFC 9649, sections 2.5 to 2.7.
    """
    kind = data[12:16]
    if kind == b"VP8X" and len(data) >= 30:
        check_size(_number(data[24:27]) + 1, _number(data[27:30]) + 1)
    elif kind == b"VP8L" and len(data) >= 25:
        bits = _number(data[21:25])
        check_size((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    elif kind == b"VP8 " and len(data) >= 30:
        check_size(_number(data[26:28]) & 0x3FFF, _number(data[28:30]) & 0x3FFF)


def _number(data: bytes) -> int:
    return int.from_bytes(data, "little")
