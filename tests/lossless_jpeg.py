"""An encoder for lossless JPEG (ITU-T T.81, annex H), which Pillow can only decode."""

import struct

import numpy as np
from PIL import Image

# One Huffman code of five bits for each category of differences, 0 to 16.
_CODE_BITS, _CATEGORIES = 5, 17


def lossless_jpeg(picture: Image.Image, adobe: bool = False) -> bytes:
    """Encode the samples of a picture unchanged; 16 bits a sample for the mode I;16.

    ``adobe``: mark three components as RGB, not YCbCr.
    """
    samples = np.atleast_3d(np.asarray(picture)).astype(int)
    height, width, components = samples.shape
    precision = 16 if picture.mode.startswith("I;16") else 8
    # Each sample is predicted by its left neighbour, the first of a row by the one above.
    predicted = np.roll(samples, 1, axis=1)
    predicted[1:, 0] = samples[:-1, 0]
    predicted[0, 0] = 1 << (precision - 1)
    differences = (samples - predicted).ravel().tolist()
    bits = "".join(map(_coded, differences))
    bits += "1" * (-len(bits) % 8)
    scan = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")
    frame = struct.pack(">BHHB", precision, height, width, components)
    frame += b"".join(bytes((number, 0x11, 0)) for number in range(1, components + 1))
    header = bytes((components,))
    header += b"".join(bytes((number, 0)) for number in range(1, components + 1))
    counts = bytes(_CATEGORIES if length == _CODE_BITS else 0 for length in range(1, 17))
    return b"".join(
        (
            b"\xff\xd8",
            _segment(0xEE, b"Adobe\0\x64\0\0\0\0\0") if adobe else b"",
            _segment(0xC3, frame),
            _segment(0xC4, b"\0" + counts + bytes(range(_CATEGORIES))),
            _segment(0xDA, header + b"\1\0\0"),
            scan,
            b"\xff\xd9",
        )
    )


def _coded(difference: int) -> str:
    category = abs(difference).bit_length()
    value = difference if difference >= 0 else difference + (1 << category) - 1
    extra = f"{value:0{category}b}" if category else ""
    return f"{category:0{_CODE_BITS}b}{extra}"


def _segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content
