"""Pictures that the tests post: a drawn lesion, in any size, mode and file format."""

import io
from typing import Any

from PIL import Image, ImageDraw

SKIN, LESION = (224, 180, 160), (110, 60, 40)


def lesion(width: int = 320, height: int = 240) -> Image.Image:
    """A brown disc in the middle of skin, its upper left quarter marked by a darker spot."""
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


JPEG = encoded(lesion(600, 450), quality=90)
