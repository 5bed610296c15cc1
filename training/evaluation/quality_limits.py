"""Measure from where on a picture is too blurred, too dark, too bright or too small.

Sharpness and brightness: what hardly any image of the validation part falls short of. Size: where
balanced accuracy begins to fall.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from lesionlens.imaging.image_quality import BRIGHTEST, DARKEST, SHARPNESS, SIDE, measures

from . import metrics
from .evaluate import Predict

# The share of validation images that each limit of sharpness and brightness may warn of.
WARNED = 0.005
# The balanced accuracy that a small image may cost before it is warned of.
ACCURACY_BOUND = 0.02
SIDES = (32, 48, 64, 96, 128, 160, 192)  # pixels
BLURS = (1.0, 2.0, 4.0)  # standard deviations, pixels of the model's input
EXPOSURES = (0.2, 0.4, 1.8, 2.5)  # factors


def limits(
    frames: NDArray[np.uint8], labels: NDArray[np.int64], predict: Predict
) -> dict[str, Any]:
    """Return the limits, and what they warn of, from (V, S, S, 3) frames of the validation part."""
    found = np.array([_measured(frame) for frame in frames])
    low, high = np.quantile(found, [WARNED, 1 - WARNED], axis=0)
    accuracies = {side: _accuracy(frames, labels, predict, side) for side in SIDES}
    whole = metrics.balanced_accuracy(labels, predict(frames))
    kept = {
        SHARPNESS: round(float(low[0]), 2),
        DARKEST: round(float(low[1]), 1),
        BRIGHTEST: round(float(high[1]), 1),
        SIDE: _least_side({**accuracies, frames.shape[1]: whole}, whole),
    }
    return {
        "limits": kept,
        "warned": {
            "undisturbed": _shares(found, kept),
            **{f"blur {blur:g}": _shares(_changed(frames, _blurred(blur)), kept) for blur in BLURS},
            **{
                f"exposure {factor:g}": _shares(_changed(frames, _exposed(factor)), kept)
                for factor in EXPOSURES
            },
        },
        "balanced_accuracy_by_side": {
            **{str(side): round(accuracy, 4) for side, accuracy in accuracies.items()},
            "undisturbed": round(whole, 4),
        },
    }


def _measured(frame: NDArray[np.uint8]) -> tuple[float, float]:
    found = measures(frame[np.newaxis].astype(np.float32), min(frame.shape[:2]))
    return found[SHARPNESS], found[DARKEST]


def _least_side(accuracies: dict[int, float], whole: float) -> int:
    """The smallest side from which on, up to the input's own, no more than the bound is lost."""
    least = max(accuracies)
    for side in sorted(accuracies, reverse=True):
        if accuracies[side] < whole - ACCURACY_BOUND:
            break
        least = side
    return least


def _accuracy(
    frames: NDArray[np.uint8], labels: NDArray[np.int64], predict: Predict, side: int
) -> float:
    """Balanced accuracy of images that were ``side`` pixels small, and enlarged again."""
    full = frames.shape[1:3]
    small = [
        np.asarray(
            Image.fromarray(frame)
            .resize((side, side), Image.Resampling.BILINEAR)
            .resize(full, Image.Resampling.BILINEAR)
        )
        for frame in frames
    ]
    return metrics.balanced_accuracy(labels, predict(np.stack(small)))


def _blurred(deviation: float) -> Callable[[Image.Image], Image.Image]:
    return lambda image: image.filter(ImageFilter.GaussianBlur(deviation))


def _exposed(factor: float) -> Callable[[Image.Image], Image.Image]:
    return lambda image: image.point(lambda value: min(255, value * factor))


def _changed(
    frames: NDArray[np.uint8], change: Callable[[Image.Image], Image.Image]
) -> NDArray[np.float64]:
    return np.array([_measured(np.asarray(change(Image.fromarray(frame)))) for frame in frames])


def _shares(found: NDArray[np.float64], kept: dict[str, Any]) -> dict[str, float]:
    """The share of images that each limit warns of, from (N, 2) sharpness and brightness."""
    sharpness, brightness = found.T
    return {
        SHARPNESS: round(float((sharpness < kept[SHARPNESS]).mean()), 4),
        DARKEST: round(float((brightness < kept[DARKEST]).mean()), 4),
        BRIGHTEST: round(float((brightness > kept[BRIGHTEST]).mean()), 4),
    }
