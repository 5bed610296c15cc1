"""Limits on the size of pictures, and on the memory and time of the processes that decode them."""

from collections.abc import Callable

from ..errors import TooManyPixels, TooSmall

MEGA = 1_000_000
MIN_SIDE = 32  # pixels; a smaller image shows no structures of a lesion
# Baseline JPEGs are shrunk while they are decoded. All others must fit into a decoder's memory
# (`LARGE_MEMORY`) in full size, together with two copies of the largest file. Measured bytes per
# pixel, at most: WebP 16, AVIF 11, HEIC 9, RGBA as PNG 8, progressive JPEG 6 (4:4:4).
MAX_PIXELS = {
    "JPEG": 200 * MEGA,
    "progressive JPEG": 80 * MEGA,
    "multi-scan JPEG": 80 * MEGA,
    "AVIF": 40 * MEGA,
    "WEBP": 28 * MEGA,
}
MAX_OTHER_PIXELS = 50 * MEGA
# Larger pictures need the large limits, unless they are baseline JPEGs. Some codecs report a failed
# allocation as damage, so none may fail within the modest limits.
MODEST_PIXELS = 4 * MEGA
MODEST_BYTES = 8 * 1024 * 1024

# Bytes that a decoder may use for a file and its decoding, above those when it is forked.
MODEST_MEMORY = 96 * 1024 * 1024
LARGE_MEMORY = 512 * 1024 * 1024
# Seconds of processor time for one picture. A JPEG of 12 megapixels takes 0.03 s, a HEIC of 48 took
# 2.0 to 2.6 s on a busy machine.
MODEST_SECONDS = 0.2
LARGE_SECONDS = 4.0
# `check` with its last two arguments bound: called with width and height before decoding.
CheckSize = Callable[[int, int], None]


class NeedsMore(Exception):
    """The picture needs a decoder with the large limits."""


def check(width: int, height: int, name: str, modest: bool) -> None:
    """Check a picture's size in pixels. Raises TooSmall, TooManyPixels, NeedsMore.

    ``name``: the format, a key of `MAX_PIXELS` or another; ``modest``: whether the limits are the
    modest ones.
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
