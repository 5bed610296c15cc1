"""TIFF and other files written by tifffile and OpenCV."""

import io
import struct
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile

from lesionlens.errors import Undecodable, UnsupportedType
from lesionlens.imaging import colour, decode, exif
from lesionlens.imaging.colour import CodePoints
from lesionlens.imaging.model_input import FIRST_PICTURE
from tests.pictures import dermatoscopic, encoded

PIXELS = np.asarray(dermatoscopic(96, 64))
DEEP = PIXELS.astype(np.uint16) * 257
GREY = PIXELS[..., 1]


def written(pixels: np.ndarray, **options: Any) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, pixels, **options)
    return buffer.getvalue()


def with_tag(data: bytes, tag: int, value: int) -> bytes:
    """The file with another value of a tag, which is a single number."""
    for kind, form in ((3, "<H"), (4, "<I")):
        entry = struct.pack("<HHI", tag, kind, 1)
        if (at := data.find(entry) + len(entry)) >= len(entry):
            return data[:at] + struct.pack(form, value) + data[at + struct.calcsize(form) :]
    raise ValueError(f"no tag {tag}")


def of_twelve_bits(grey: np.ndarray) -> bytes:
    """Two samples in three bytes; rows of an even number of samples."""
    first, second = grey[:, ::2].astype(np.uint16) * 16, grey[:, 1::2].astype(np.uint16) * 16
    packed = np.stack([first >> 4, (first & 15) << 4 | second >> 8, second & 255], axis=-1)
    data = written(packed.astype(np.uint8).reshape(len(grey), -1), photometric="minisblack")
    return with_tag(with_tag(data, 256, grey.shape[1]), 258, 12)


FILES = {
    "grey": written(GREY, photometric="minisblack"),
    "white is zero": written(255 - GREY, photometric="miniswhite"),
    "grey of 16 bits": written(GREY.astype(np.uint16) * 257, photometric="minisblack"),
    "white is zero, 16 bits": written(
        65535 - GREY.astype(np.uint16) * 257, photometric="miniswhite"
    ),
    "colour": written(PIXELS, photometric="rgb"),
    "planes": written(PIXELS.transpose(2, 0, 1), photometric="rgb", planarconfig="separate"),
    "planes of 16 bits": written(
        DEEP.transpose(2, 0, 1), photometric="rgb", planarconfig="separate"
    ),
    "planes of 16 bits, big endian": written(
        DEEP.transpose(2, 0, 1), photometric="rgb", planarconfig="separate", byteorder=">"
    ),
    "planes of 16 bits in strips": written(
        DEEP.transpose(2, 0, 1),
        photometric="rgb",
        planarconfig="separate",
        rowsperstrip=10,
        compression="zlib",
        predictor=True,
    ),
    "planes of 16 bits in tiles": written(
        DEEP.transpose(2, 0, 1), photometric="rgb", planarconfig="separate", tile=(32, 32)
    ),
    "planes of 16 bits, the fourth of no meaning": written(
        np.concatenate([DEEP, 0 * DEEP[..., :1]], axis=-1).transpose(2, 0, 1),
        photometric="rgb",
        planarconfig="separate",
        extrasamples=[0],
    ),
    "grey of 12 bits": of_twelve_bits(GREY),
    "colour of 16 bits": written(DEEP, photometric="rgb"),
    "big endian": written(DEEP, photometric="rgb", byteorder=">"),
    "tiles": written(PIXELS, photometric="rgb", tile=(32, 32)),
    "BigTIFF": written(PIXELS, photometric="rgb", bigtiff=True),
    "deflated": written(PIXELS, photometric="rgb", compression="zlib", predictor=True),
    "OpenCV's": cv2.imencode(".tiff", PIXELS[..., ::-1])[1].tobytes(),
    "OpenCV's of 16 bits": cv2.imencode(".tiff", DEEP[..., ::-1])[1].tobytes(),
    "OpenCV's PNG of 16 bits": cv2.imencode(".png", DEEP[..., ::-1])[1].tobytes(),
    "OpenCV's BMP": cv2.imencode(".bmp", PIXELS[..., ::-1])[1].tobytes(),
    "OpenCV's WebP": cv2.imencode(".webp", PIXELS[..., ::-1], [cv2.IMWRITE_WEBP_QUALITY, 101])[
        1
    ].tobytes(),
}


@pytest.mark.parametrize("name", FILES)
def test_what_other_programs_write_is_read_as_they_mean_it(name: str) -> None:
    found = np.asarray(decode.decode(FILES[name]).image)
    grey = "grey" in name or "white" in name
    np.testing.assert_array_equal(found, GREY[..., None].repeat(3, axis=2) if grey else PIXELS)


def test_a_jpeg_is_as_opencv_decodes_it() -> None:
    data = encoded(dermatoscopic(200, 160), quality=92, subsampling=0)
    expected = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    found = np.asarray(decode.decode(data).image, int)
    assert np.abs(found - expected).max() <= 2


REFUSED = {
    "planes of 16 bits in a BigTIFF": (
        written(DEEP.transpose(2, 0, 1), photometric="rgb", planarconfig="separate", bigtiff=True),
        "planes of 16 bits, and is no classic TIFF in RGB; send it with its colours interleaved",
    ),
    "floating point": (
        written(PIXELS.astype(np.float32), photometric="rgb"),
        "floating-point values",
    ),
    "half precision": (written(GREY.astype(np.float16)), "floating-point values"),
    "32 bits": (written(GREY.astype(np.uint32)), "values of 32 bits; accepted are 8 and 16 bits"),
    "signed": (written((GREY.astype(np.int16) - 128).astype(np.int8)), "signed values"),
    "signed of 16 bits": (written(GREY.astype(np.int16)), "signed values"),
    "signed planes": (
        written(
            PIXELS.astype(np.int16).transpose(2, 0, 1), photometric="rgb", planarconfig="separate"
        ),
        "signed values",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_right_is_named(name: str) -> None:
    data, message = REFUSED[name]
    with pytest.raises(Undecodable, match=message):
        decode.decode(data)


@pytest.mark.parametrize(
    ("compression", "name"), [(50001, "WebP"), (34712, "JPEG 2000"), (50002, "JPEG XL")]
)
def test_compressions_are_named(compression: int, name: str) -> None:
    plain = written(PIXELS, photometric="rgb")
    with pytest.raises(Undecodable, match=f"compressed as {name}, which is not supported"):
        decode.decode(with_tag(plain, 259, compression))


@pytest.mark.parametrize("extra", [1, 2])
def test_transparency_in_planes_of_16_bits_becomes_white(extra: int) -> None:
    """ExtraSamples 1 (premultiplied colours) and 2 (not premultiplied)."""
    alpha = np.where(np.arange(96) < 48, 65535, 0).astype(np.uint16) * np.ones((64, 1), np.uint16)
    colours = DEEP * (alpha[..., None] > 0) if extra == 1 else DEEP
    data = written(
        np.concatenate([colours, alpha[..., None]], axis=-1).transpose(2, 0, 1),
        photometric="rgb",
        planarconfig="separate",
        extrasamples=[extra],
    )
    found = np.asarray(decode.decode(data).image)
    np.testing.assert_array_equal(found[:, :48], PIXELS[:, :48])
    assert (found[:, 48:] == 255).all()


def test_planes_of_16_bits_keep_their_profile_and_the_number_of_pictures() -> None:
    profile = colour._icc(CodePoints(12, 13))
    options: dict[str, Any] = {"photometric": "rgb", "iccprofile": profile}
    planes = written(DEEP.transpose(2, 0, 1), planarconfig="separate", **options)
    interleaved = written(PIXELS, **options)
    found = decode.decode(planes)
    np.testing.assert_array_equal(found.image, decode.decode(interleaved).image)
    assert not found.warnings

    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as file:
        for _ in range(2):
            file.write(DEEP.transpose(2, 0, 1), photometric="rgb", planarconfig="separate")
    assert decode.decode(buffer.getvalue()).warnings == (FIRST_PICTURE,)


def test_a_preview_is_not_taken_for_the_photograph() -> None:
    """Raw files of cameras begin with a small preview."""
    data = written(PIXELS, photometric="rgb", subfiletype=1)
    with pytest.raises(UnsupportedType, match="raw photograph, or a preview stands first"):
        decode.decode(data)


def directory(*entries: tuple[int, int, int, int], order: str = "<") -> bytes:
    start = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(f"{order}IH", 8, len(entries))
    return start + b"".join(
        struct.pack(f"{order}HHI", tag, kind, count)
        + (struct.pack(f"{order}HH", value, 0) if kind == 3 else struct.pack(f"{order}I", value))
        for tag, kind, count, value in entries
    )


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (directory((0x112, 3, 1, 6)), 6),
        (directory((0x112, 3, 1, 6), order=">"), 6),
        (b"Exif\0\0" + directory((0x10F, 3, 1, 9), (0x112, 3, 1, 8)), 8),
        (directory((0x112, 3, 1, 6), (0x112, 3, 1, 3)), 6),
        (directory((0x112, 3, 1, 9)), 1),
        (directory((0x112, 3, 2, 6)), 6),
        (directory((0x112, 3, 9, 6)), 1),
        (directory((0x112, 5, 1, 6)), 1),
        (directory((0x10F, 3, 1, 9)), 1),
        (directory((0x112, 3, 1, 6))[:-3], 1),
        (b"II*\0\xff\xff\xff\xff", 1),
        (b"no exif", 1),
        (b"", 1),
    ],
)
def test_the_orientation_is_read_or_upright(data: bytes, expected: int) -> None:
    assert exif.orientation(data) == expected
