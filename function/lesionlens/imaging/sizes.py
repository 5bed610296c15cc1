"""The sizes of pictures that are accepted, and those that need a decoder with large limits.

What each takes to decode was measured (tests/function/imaging/test_sizes.py holds the bounds).
"""

from collections.abc import Callable

from ..errors import TooManyPixels, TooSmall

MEGA = 1_000_000
MIN_SIDE = 32  # pixels; below it no structure of a lesion is left
# Baseline JPEGs shrink while they are decoded; the others must fit into a decoder's memory as they
# are. Pillow takes 15 bytes a pixel for WebP, up to 10 for the rest.
MAX_PIXELS = {"JPEG": 200 * MEGA, "WEBP": 30 * MEGA}
MAX_OTHER_PIXELS = 50 * MEGA
# From here on a decoder's large limits are needed, unless the file is a baseline JPEG.
MODEST_PIXELS = 4 * MEGA

# Called with the width and the height before pixels are decoded; raises what is to be raised.
CheckSize = Callable[[int, int], None]


class NeedsMore(Exception):
    """The picture is too large for modest limits."""


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
