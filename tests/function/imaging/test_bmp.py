import struct

import cv2
import numpy as np
import pytest

from lesionlens.errors import Problem, TooManyPixels, TooSmall, Truncated, Undecodable
from lesionlens.imaging import decode
from tests.pictures import dermatoscopic

PIXELS = np.asarray(dermatoscopic(67, 48))  # an odd width: rows of 16 bits a pixel are padded
# Masks of red, green, blue and alpha, and the bits of a pixel.
MASKS = {
    "8 bits, as Windows": ((0xFF0000, 0xFF00, 0xFF, 0), 32),
    "8 bits, the other way round": ((0xFF, 0xFF00, 0xFF0000, 0), 32),
    "in front of the alpha": ((0xFF000000, 0xFF0000, 0xFF00, 0xFF), 32),
    "10 bits": ((0x3FF00000, 0xFFC00, 0x3FF, 0), 32),
    "11, 11 and 10 bits": ((0xFFE00000, 0x1FFC00, 0x3FF, 0), 32),
    "5, 6 and 5 bits": ((0xF800, 0x7E0, 0x1F, 0), 16),
    "5 bits": ((0x7C00, 0x3E0, 0x1F, 0), 16),
    "4 bits": ((0xF00, 0xF0, 0xF, 0xF000), 16),
}


def bmp(
    masks: tuple[int, int, int, int],
    depth: int,
    alpha: float = 1.0,
    top_down: bool = False,
    size: tuple[int, int] = (67, 48),
) -> bytes:
    """A file with bit masks in a header of 56 bytes, which has all four."""
    samples = np.dstack([PIXELS, np.full(PIXELS.shape[:2], 255 * alpha)])
    values = np.zeros(PIXELS.shape[:2], np.uint32)
    for mask, band in zip(masks, np.moveaxis(samples, -1, 0), strict=True):
        lowest = mask & -mask or 1
        values |= (np.rint(band / 255 * (mask // lowest)) * lowest).astype(np.uint32)
    rows = (values if top_down else values[::-1]).astype("<u4" if depth == 32 else "<u2")
    data = b"".join(row.tobytes().ljust((67 * depth // 8 + 3) // 4 * 4, b"\0") for row in rows)
    width, height = size
    header = struct.pack(
        "<IiiHHIIiiII",
        56,
        width,
        -height if top_down else height,
        1,
        depth,
        3,
        len(data),
        0,
        0,
        0,
        0,
    )
    start = 14 + 56
    return (
        b"BM"
        + struct.pack("<IHHI", start + len(data), 0, 0, start)
        + header
        + struct.pack("<IIII", *masks)
        + data
    )


@pytest.mark.parametrize("top_down", [False, True])
@pytest.mark.parametrize("name", MASKS)
def test_samples_under_masks_are_read(name: str, top_down: bool) -> None:
    masks, depth = MASKS[name]
    found = np.asarray(decode.decode(bmp(masks, depth, top_down=top_down)).image, int)
    levels = min((mask // (mask & -mask) for mask in masks[:3]), default=0)
    assert np.abs(found - PIXELS).max() <= 255 / levels / 2 + 0.5


def test_a_file_is_as_opencv_reads_it() -> None:
    data = bmp(*MASKS["8 bits, as Windows"])
    twin = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    np.testing.assert_array_equal(decode.decode(data).image, twin)


@pytest.mark.parametrize(("alpha", "shown"), [(0.0, PIXELS[24, 33]), (1.0, PIXELS[24, 33])])
def test_alpha_that_is_empty_throughout_is_none(alpha: float, shown: np.ndarray) -> None:
    data = bmp((0xFF0000, 0xFF00, 0xFF, 0xFF000000), 32, alpha=alpha)
    np.testing.assert_array_equal(np.asarray(decode.decode(data).image)[24, 33], shown)


def test_transparency_becomes_white() -> None:
    found = np.asarray(decode.decode(bmp((0xFF0000, 0xFF00, 0xFF, 0xFF000000), 32, 0.2)).image, int)
    expected = 255 - (255 - PIXELS.astype(int)) * 0.2
    assert np.abs(found - expected).max() <= 2


WINDOWS = MASKS["8 bits, as Windows"]
BAD: dict[str, tuple[bytes, type[Problem], str]] = {
    "cut": (bmp(*WINDOWS)[:-1], Truncated, "ends too early"),
    "cut in the masks": (bmp(*WINDOWS)[:60], Problem, "damaged|too early"),
    "one mask over another": (bmp((0xFF, 0x1FE, 0xFF0000, 0), 32), Undecodable, "not supported"),
    "a mask with gaps": (bmp((0xF0F, 0xF000, 0xFF0000, 0), 32), Undecodable, "not supported"),
    "a mask outside": (bmp((0xFF0000, 0xFF00, 0xFF, 0), 16), Undecodable, "not supported"),
    "small": (bmp(*WINDOWS, size=(67, 20)), TooSmall, "67×20 pixels"),
    "bomb": (bmp(*WINDOWS, size=(2**31 - 1, 2**31 - 1)), TooManyPixels, "megapixels; at most"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files_are_refused_with_a_reason(name: str) -> None:
    data, error, message = BAD[name]
    with pytest.raises(error, match=message):
        decode.decode(data)
