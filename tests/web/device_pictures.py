"""Pictures of every kind for comparing the browser's results with the function's."""

import io
import struct
import zlib
from collections.abc import Callable
from functools import cache
from itertools import cycle
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageCms

from lesionlens.imaging import colour
from lesionlens.imaging.colour import CodePoints
from tests.pictures import dermatoscopic, encoded

ORIENTATION = 0x0112
DISPLAY_P3 = CodePoints(12, 13)
# Chromaticities of Adobe RGB (1998), whose curve is a gamma of 563 / 256.
_ADOBE = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06), (0.3127, 0.329))

Saved = Callable[[Image.Image], bytes]


def display_p3() -> bytes:
    profile = colour._icc(DISPLAY_P3)
    assert profile is not None
    return profile


def adobe_rgb() -> bytes:
    """An ICC profile of version 2 with gamma curves, as cameras write it."""
    columns = [b"XYZ \0\0\0\0" + colour._fixed(*column) for column in colour._to_d50(*_ADOBE).T]
    white = b"XYZ \0\0\0\0" + colour._fixed(*colour._D50)
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, 563) + b"\0\0"
    names = (b"rXYZ", b"gXYZ", b"bXYZ", b"wtpt", b"rTRC", b"gTRC", b"bTRC")
    blocks = [*columns, white, curve, curve, curve]
    at, table, body = 132 + 12 * len(names), b"", b""
    for name, block in zip(names, blocks, strict=True):
        table += name + struct.pack(">II", at + len(body), len(block))
        body += block
    header = struct.pack(">I4xI", at + len(body), 0x02100000) + b"mntrRGB XYZ " + bytes(12)
    header += b"acsp" + bytes(28) + colour._fixed(*colour._D50) + bytes(48)
    return header + struct.pack(">I", len(names)) + table + body


def srgb() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def _save(file_format: str, mode: str = "RGB", **options: Any) -> Saved:
    return lambda image: encoded(image.convert(mode), file_format, **options)


def _turned(file_format: str, orientation: int, **options: Any) -> Saved:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return _save(file_format, exif=exif, **options)


def _transparent(image: Image.Image) -> Image.Image:
    """Transparent towards its corners."""
    y, x = np.mgrid[: image.height, : image.width]
    radius = np.hypot(x / image.width - 0.5, y / image.height - 0.5)
    alpha = Image.fromarray(np.clip(900 * (0.62 - radius), 0, 255).astype(np.uint8))
    made = image.convert("RGBA")
    made.putalpha(alpha)
    return made


def _alpha(file_format: str, mode: str = "RGBA", **options: Any) -> Saved:
    return lambda image: encoded(_transparent(image).convert(mode), file_format, **options)


def _sixteen_bits(mode: str) -> Saved:
    """Samples of 16 bits with lower bytes other than 0."""

    def save(image: Image.Image) -> bytes:
        samples = np.asarray(_transparent(image).convert(mode), np.uint16) * 256 + 77
        order = {"RGB": [2, 1, 0], "RGBA": [2, 1, 0, 3]}.get(mode)
        done, data = cv2.imencode(".png", samples if order is None else samples[..., order])
        assert done
        return data.tobytes()

    return save


def _keyed(image: Image.Image) -> bytes:
    """One colour is transparent."""
    key = image.getpixel((0, 0))
    return encoded(image, "PNG", transparency=key)


def _half_transparent_palette(image: Image.Image) -> bytes:
    return encoded(image.convert("P"), "PNG", transparency=bytes([128] * 256))


def _sixteen_bits_with_key(image: Image.Image) -> bytes:
    samples = np.asarray(image.convert("L"), np.uint16) * 257
    return encoded(Image.fromarray(samples), "PNG", transparency=int(samples[0, 0]))


def _gamma(image: Image.Image) -> bytes:
    """With a gAMA chunk, which the function ignores and browsers apply."""
    png, body = encoded(image, "PNG"), b"gAMA" + struct.pack(">I", 100_000)
    chunk = struct.pack(">I", 4) + body + struct.pack(">I", zlib.crc32(body))
    return png[:33] + chunk + png[33:]


def _several(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "MPO", save_all=True, append_images=[image.resize((64, 48))])
    return buffer.getvalue()


# Kinds that the browser can process.
KINDS: dict[str, Saved] = {
    "jpeg-420": _save("JPEG", quality=90),
    "jpeg-420-coarse": _save("JPEG", quality=60),
    "jpeg-444": _save("JPEG", quality=92, subsampling=0),
    "jpeg-422": _save("JPEG", quality=92, subsampling=1),
    "jpeg-progressive": _save("JPEG", quality=88, progressive=True),
    "jpeg-grey": _save("JPEG", "L", quality=90),
    "jpeg-cmyk": _save("JPEG", "CMYK", quality=92),
    "jpeg-rgb": _save("JPEG", quality=92, keep_rgb=True),
    "jpeg-several": _several,
    "jpeg-srgb": _save("JPEG", icc_profile=srgb()),
    "jpeg-p3": _save("JPEG", quality=92, icc_profile=display_p3()),
    "jpeg-adobe": _save("JPEG", quality=92, icc_profile=adobe_rgb()),
    **{f"jpeg-turned-{value}": _turned("JPEG", value, quality=90) for value in range(2, 9)},
    "png": _save("PNG"),
    "png-grey": _save("PNG", "L"),
    "png-palette": _save("PNG", "P"),
    "png-key": _keyed,
    "png-gamma": _gamma,
    "png-alpha": _alpha("PNG"),
    "png-grey-alpha": _alpha("PNG", "LA"),
    "png-p3-alpha": _alpha("PNG", icc_profile=display_p3()),
    "png-16-bits": _sixteen_bits("L"),
    "png-rgb-16-bits": _sixteen_bits("RGB"),
    "png-rgba-16-bits": _sixteen_bits("RGBA"),
    "png-p3": _save("PNG", icc_profile=display_p3()),
    "png-adobe": _save("PNG", icc_profile=adobe_rgb()),
    "png-turned": _turned("PNG", 6),
    "webp": _save("WEBP", quality=90),
    "webp-lossless": _save("WEBP", lossless=True),
    "webp-p3": _save("WEBP", quality=90, icc_profile=display_p3()),
    "webp-turned": _turned("WEBP", 8, quality=90),
}
# Kinds that only the server can read.
ELSEWHERE: dict[str, Saved] = {
    "png-palette-alpha": _half_transparent_palette,
    "png-16-bits-key": _sixteen_bits_with_key,
    "webp-alpha": _alpha("WEBP", quality=90),
    "webp-lossless-alpha": _alpha("WEBP", lossless=True),
    "bmp": _save("BMP"),
    "gif": _save("GIF"),
    "tiff": _save("TIFF"),
    "avif": _save("AVIF"),
    "heic": lambda image: b"\0\0\0\x18ftypheic" + bytes(100),
    "dicom": lambda image: bytes(128) + b"DICM" + bytes(100),
    "jpeg-cmyk-profile": _save("JPEG", "CMYK", icc_profile=display_p3()),
    "text": lambda image: b"no picture",
    "jpeg-cut": lambda image: encoded(image, "JPEG")[:200],
    "tiny": lambda image: encoded(image.resize((31, 40)), "PNG"),
}
# Alternately: usual sizes, odd ones, portrait ones, and the largest that is not shrunk.
SIZES = ((600, 450), (601, 449), (320, 427), (224, 224), (450, 600), (300, 200), (1400, 1023))


@cache
def hundred() -> dict[str, bytes]:
    """A hundred pictures by name: every kind in several sizes and colours."""
    made = {}
    kinds, sizes = cycle(KINDS.items()), cycle(SIZES)
    for number in range(100):
        (kind, save), (width, height) = next(kinds), next(sizes)
        picture = dermatoscopic(width, height, number)
        made[f"{number:03}-{kind}-{width}x{height}"] = save(picture)
    return made


@cache
def large() -> dict[str, bytes]:
    """Pictures that the function shrinks while decoding, as a browser cannot."""
    picture = dermatoscopic(2500, 2100)
    kinds = (
        "jpeg-420",
        "jpeg-progressive",
        "jpeg-turned-6",
        "png",
        "png-key",
        "png-p3-alpha",
        "webp",
    )
    return {kind: KINDS[kind](picture) for kind in kinds}


@cache
def telephone_sized() -> dict[str, bytes]:
    """Twenty pictures of 12 megapixels, as from a telephone."""
    save = KINDS["jpeg-420"]
    return {
        f"12-megapixels-{seed}": save(dermatoscopic(seed=seed).resize((4000, 3000)))
        for seed in range(20)
    }
