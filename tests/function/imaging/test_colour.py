"""Colour management; expected colours come from OpenCV or from the standards' formulas."""

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageCms

from lesionlens.errors import Undecodable
from lesionlens.imaging import colour, decode
from lesionlens.imaging.colour import CodePoints
from tests.pictures import dermatoscopic, encoded

# From linear Display P3 to linear sRGB (CSS Color 4, section 18).
P3_TO_SRGB = np.array([[1.2249, -0.2247, 0], [-0.0420, 1.0419, 0], [-0.0197, -0.0786, 1.0979]])
P3 = CodePoints(12, 13)
PICTURE = dermatoscopic(160, 120)


def in_srgb(pixels: np.ndarray) -> np.ndarray:
    """Display P3 pixels in sRGB, by the standards' formulas, in [0, 255]."""
    encoded = pixels / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    linear = np.clip(linear @ P3_TO_SRGB.T, 0, 1)
    back = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return 255 * back


def with_chunk(png: bytes, kind: bytes, content: bytes) -> bytes:
    body = kind + content
    chunk = struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))
    return png[:33] + chunk + png[33:]


def profile() -> bytes:
    made = colour._icc(P3)
    assert made is not None
    return made


def converted(data: bytes) -> np.ndarray:
    return np.asarray(decode.decode(data).image, int)


FILES: dict[str, Callable[[], bytes]] = {
    "JPEG": lambda: encoded(PICTURE, quality=98, subsampling=0, icc_profile=profile()),
    "PNG": lambda: encoded(PICTURE, "PNG", icc_profile=profile()),
    "PNG by code points": lambda: with_chunk(encoded(PICTURE, "PNG"), b"cICP", bytes((*P3, 0, 1))),
    "PNG of both": lambda: with_chunk(
        encoded(PICTURE, "PNG", icc_profile=ImageCms.ImageCmsProfile(colour._SRGB).tobytes()),
        b"cICP",
        bytes((*P3, 0, 1)),
    ),
    "WebP": lambda: encoded(PICTURE, "WEBP", lossless=True, icc_profile=profile()),
    "TIFF": lambda: encoded(PICTURE, "TIFF", icc_profile=profile()),
    "AVIF": lambda: encoded(
        PICTURE, "AVIF", quality=100, subsampling="4:4:4", icc_profile=profile()
    ),
    "palette": lambda: encoded(PICTURE.quantize(256), "PNG", icc_profile=profile()),
    "alpha": lambda: encoded(PICTURE.convert("RGBA"), "PNG", icc_profile=profile()),
}


@pytest.mark.parametrize("name", FILES)
def test_display_p3_is_converted_in_every_format(name: str) -> None:
    data = FILES[name]()
    untagged = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), float)
    expected = in_srgb(untagged)
    assert np.abs(expected - untagged).mean() > 3
    assert np.abs(converted(data) - expected).max() < 3


def test_code_points_in_avif_are_read() -> None:
    data = encoded(PICTURE, "AVIF")
    at = data.index(b"colrnclx") + 8
    tagged = data[:at] + struct.pack(">HH", *P3) + data[at + 4 :]
    untagged = np.asarray(Image.open(io.BytesIO(data)), float)
    assert np.abs(converted(tagged) - in_srgb(untagged)).max() < 3


@pytest.mark.parametrize("points", [(9, 16, 0, 1), (9, 18, 0, 1)])
def test_high_dynamic_range_is_refused(points: tuple[int, ...]) -> None:
    data = with_chunk(encoded(PICTURE, "PNG"), b"cICP", bytes(points))
    with pytest.raises(Undecodable, match="high dynamic range"):
        decode.decode(data)


@pytest.mark.parametrize(
    "points", [CodePoints(1, 13), CodePoints(1, 1), CodePoints(2, 2), CodePoints(1, 6)]
)
def test_code_points_of_standard_colours_change_nothing(points: CodePoints) -> None:
    assert colour.to_srgb(PICTURE, points) is PICTURE


def test_wide_gamuts_share_their_greys() -> None:
    ramp = Image.fromarray(np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2))
    for primaries in (5, 6, 7, 9, 12):
        grey = np.asarray(colour.to_srgb(ramp, CodePoints(primaries, 13)), int)
        assert np.abs(grey - np.asarray(ramp, int)).max() <= 2


def test_a_gamma_is_followed() -> None:
    grey = colour.to_srgb(Image.new("RGB", (1, 1), (128, 128, 128)), CodePoints(1, 8))
    # Linear light: half of it is the grey 188 in sRGB.
    assert grey.getpixel((0, 0)) == pytest.approx((188,) * 3, abs=1)


SRGB = ImageCms.ImageCmsProfile(colour._SRGB).tobytes()
UNUSABLE = {
    "none": None,
    "of sRGB": SRGB,
    "cut off": profile()[:150],
    "noise": bytes(range(256)) * 3,
    "of another mode": ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes(),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_a_profile_that_changes_nothing_or_cannot_be_used(name: str) -> None:
    assert colour.to_srgb(PICTURE, UNUSABLE[name]) is PICTURE


def test_lab_is_converted_without_a_profile() -> None:
    source = ImageCms.createProfile("LAB")
    transform = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), source, "RGB", "LAB")
    lab = ImageCms.applyTransform(PICTURE, transform)
    back = np.asarray(colour.to_srgb(lab, None), int)
    assert np.abs(back - np.asarray(PICTURE, int)).max() < 4
