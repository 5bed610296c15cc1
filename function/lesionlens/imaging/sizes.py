"""The sizes of pictures that are accepted, and the limits of the processes that decode them."""

from collections.abc import Callable

from ..errors import TooManyPixels, TooSmall

MEGA = 1_000_000
MIN_SIDE = 32  # pixels; below it no structure of a lesion is left
# Baseline JPEGs shrink while they are decoded; the others must fit into a decoder's memory
# (`LARGE_MEMORY`) as they are, beside two copies of the largest file. Measured, in
# bytes a pixel at most: WebP 16, AVIF 11, HEIC 9, RGBA as PNG 8, progressive JPEG 6 (4:4:4).
MAX_PIXELS = {
    "JPEG": 200 * MEGA,
    "progressive JPEG": 80 * MEGA,
    "multi-scan JPEG": 80 * MEGA,
    "AVIF": 40 * MEGA,
    "WEBP": 28 * MEGA,
}
MAX_OTHER_PIXELS = 50 * MEGA
# From here on a decoder's large limits are needed, unless the file is a baseline JPEG. Some codecs
# take a failed allocation for damage: within modest limits there must be none.
MODEST_PIXELS = 4 * MEGA
MODEST_BYTES = 8 * 1024 * 1024

# Of a decoder above what it has when it is forked, in bytes: the upload, and what decoding takes.
MODEST_MEMORY = 96 * 1024 * 1024
LARGE_MEMORY = 512 * 1024 * 1024
# Of the processor for one picture, in seconds. A JPEG of 12 megapixels takes 0.03, a HEIC of 48
# took 2.0 to 2.6 on a busy machine.
MODEST_SECONDS = 0.2
LARGE_SECONDS = 4.0
# Called with the width and the height before pixels are decoded; raises what is to be raised.
CheckSize = Callable[[int, int], None]


class NeedsMore(Exception):
    """The file is too large for modest limits."""


def check(width: int, height: int, name: str, modest: bool) -> None:
    """Raise TooSmall, TooManyPixels, or, where limits are modest, NeedsMore.

    ``name``: the format, a key of `MAX_PIXELS` or another.
    """
    if min(width, height) < MIN_SIDE:
        raise TooSmall(
            f"The image is {width}×{height} pixels; at least {MIN_SIDE} a side are needed."
        )
    most = MAX_PIXELS.get(name, MAX_OTHER_PIXELS)
    if width * height > most:
        raise TooManyPixels(
            f"The image is {width}×{height} pixels, {width * height / MEGA:.0f} megapixels; at "
            f"most {most / MEGA:.0f} are accepted of a {name}. Send it smaller, or as a baseline "
            f"JPEG of {MAX_PIXELS['JPEG'] / MEGA:.0f} at most."
        )
    if modest and width * height > MODEST_PIXELS:
        raise NeedsMore
