"""Sharpness, brightness and size of an image, and warnings if they exceed the manifest's limits.

`training.evaluation.quality_limits` determines the limits.
"""

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from .model_input import Caution

SHARPNESS, DARKEST, BRIGHTEST, SIDE = "sharpness", "darkest", "brightest", "side"
LIMITS = (SHARPNESS, DARKEST, BRIGHTEST, SIDE)

# Weights of red, green and blue in the luma (ITU-R BT.601).
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def measures(tensor: NDArray[np.float32], side: int) -> dict[str, float]:
    """Measure a (1, S, S, 3) RGB image in [0, 255]; returns a value for each of `LIMITS`.

    ``side``: the shorter side of the original image in pixels. Sharpness is the standard deviation
    of the Laplacian of the luma (Pech-Pacheco et al., "Diatom autofocusing in brightfield
    microscopy", ICPR 2000); brightness is the mean luma, in [0, 255].
    """
    luma = tensor[0] @ _LUMA
    # In place, and without the extra passes of std(): the arrays do not fit into the cache.
    laplacian = luma[:-2, 1:-1] + luma[2:, 1:-1]
    laplacian += luma[1:-1, :-2]
    laplacian += luma[1:-1, 2:]
    laplacian -= 4 * luma[1:-1, 1:-1]
    variance = np.vdot(laplacian, laplacian) / laplacian.size - laplacian.mean() ** 2
    brightness = float(luma.mean())
    return {
        SHARPNESS: math.sqrt(max(variance, 0.0)),
        DARKEST: brightness,
        BRIGHTEST: brightness,
        SIDE: float(side),
    }


def cautions(measured: Mapping[str, float], limits: Mapping[str, float]) -> tuple[Caution, ...]:
    """Return a warning for each of the ``limits`` that ``measured`` exceeds, both by `LIMITS`."""
    found = []
    for name, limit in limits.items():
        caution = CAUTIONS[name]
        value = measured[name]
        if value > limit if name == BRIGHTEST else value < limit:
            message = caution.message.format(value=value, limit=limit)
            found.append(Caution(caution.code, message))
    # Dark, bright and small images also measure as blurred, but better focus would not help.
    return tuple(found if len(found) == 1 else [c for c in found if c.code != "blurred"])


# By the limit that is exceeded; the value and the limit are filled into the message.
CAUTIONS = {
    SHARPNESS: Caution(
        "blurred",
        "The image is blurred; take it again in focus, with lens and skin held still.",
    ),
    DARKEST: Caution("underexposed", "The image is very dark; take it again in more light."),
    BRIGHTEST: Caution("overexposed", "The image is very bright; take it again in less light."),
    SIDE: Caution(
        "low-resolution",
        "The image's shorter side has {value:.0f} pixels; below {limit:.0f} the answer is worse. "
        "Send the original, not a preview of it.",
    ),
}
