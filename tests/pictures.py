"""Pictures for tests: a drawn lesion in any size, mode and file format."""

import io
import struct
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

SKIN, LESION = (224, 180, 160), (110, 60, 40)


def lesion(width: int = 320, height: int = 240) -> Image.Image:
    """A brown disc on skin, with a darker spot in its upper left quarter."""
    image = Image.new("RGB", (width, height), SKIN)
    pen = ImageDraw.Draw(image)
    radius = min(width, height) / 4
    x, y = width / 2, height / 2
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=LESION)
    pen.ellipse((x - radius, y - radius, x, y), fill=(40, 20, 10))
    return image


def encoded(image: Image.Image, file_format: str = "JPEG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def dermatoscopic(width: int = 600, height: int = 450, seed: int = 0) -> Image.Image:
    """A drawing of a nevus that the detector accepts as a dermatoscopic image."""
    random = np.random.default_rng(seed)

    def mottle(cells: int) -> np.ndarray:
        grid = random.normal(0, 1, (cells, cells * width // height + 1)).astype(np.float32)
        return np.asarray(Image.fromarray(grid).resize((width, height), Image.Resampling.BICUBIC))

    short = min(width, height)
    y, x = np.mgrid[:height, :width]
    angle = np.arctan2(y - height / 2, x - width / 2)
    radius = np.hypot(x - width / 2, y - height / 2) / short
    edge = 0.27 + 0.02 * np.sin(3 * angle + 1) + 0.012 * np.sin(5 * angle) + 0.012 * mottle(6)
    inside = 1 / (1 + np.exp((radius - edge) / 0.018))[..., None]
    network = np.sin(x / short * 95 + 2 * mottle(10)) * np.sin(y / short * 95 + 2 * mottle(10))
    skin = (7 * mottle(4) + 4 * mottle(24) + 3 * mottle(90))[..., None] + (214, 160, 150)
    spots = 14 * mottle(5) + 9 * mottle(30) + 8 * network + 4 * mottle(100)
    pigment = spots[..., None] + (128, 84, 68)
    pixels = skin * (1 - inside) + pigment * inside
    # Vignetting of the dermatoscope.
    pixels *= (1 - 0.32 * np.clip(radius - 0.35, 0, 1) ** 1.5)[..., None]
    image = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    return image.filter(ImageFilter.GaussianBlur(short / 400))


JPEG = encoded(dermatoscopic(), quality=90)


def multi_scan_jpeg(width: int, height: int) -> bytes:
    """A baseline JPEG of one colour with a scan for each component (ITU-T T.81, A.2.2)."""
    plain = encoded(Image.new("RGB", (16, 16), SKIN), subsampling=0)
    frame, scan = plain.index(b"\xff\xc0"), plain.index(b"\xff\xda")
    size = struct.pack(">HH", height, width)
    scans = b"".join(
        b"\xff\xda\x00\x08\x01" + bytes((component, 0x00, 0, 63, 0)) + bytes(100)
        for component in (1, 2, 3)
    )
    return plain[: frame + 5] + size + plain[frame + 9 : scan] + scans + b"\xff\xd9"
