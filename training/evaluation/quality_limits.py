"""Chooses the limits beyond which a picture counts as blurred, dark, bright or too small.

The limits of sharpness and brightness are quantiles of the validation images; that of size is the
size at which balanced accuracy begins to fall. The share of degraded images that are still
recognized as dermatoscopic is measured too: the others get no prediction.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from lesionlens.imaging.image_quality import BRIGHTEST, DARKEST, SHARPNESS, SIDE, measures
from lesionlens.model.manifest_sections import Quality

from . import metrics
from .evaluate import Predict

RECOGNIZED = "recognized"

# Share of validation images beyond each limit of sharpness and brightness.
WARNED = 0.005
# Maximum loss of balanced accuracy at the smallest size that gets no warning.
ACCURACY_BOUND = 0.02
SIDES = (32, 64, 96, 128, 160)  # pixels
# Maximum numbers of degraded validation images: for accuracy by size, and for warnings.
RESIZED, DEGRADED = 300, 100
BLURS = (1.0, 2.0, 4.0)  # standard deviations, pixels of the model's input
EXPOSURES = (0.2, 0.4, 1.8, 2.5)  # factors


def limits(
    frames: NDArray[np.uint8],
    labels: NDArray[np.int64],
    predict: Predict,
    accepts: Callable[[NDArray[np.uint8]], NDArray[np.bool_]],
    seed: int,
) -> Quality:
    """Choose the limits on (V, S, S, 3) validation frames; measure how often they are exceeded.

    ``accepts`` returns (N,) whether (N, S, S, 3) frames are recognized as dermatoscopic.
    """
    found = np.array([_measured(frame) for frame in frames])
    low, high = np.quantile(found, [WARNED, 1 - WARNED], axis=0)
    drawn = np.random.default_rng(seed).permutation(len(frames))
    frames, labels = frames[drawn[:RESIZED]], labels[drawn[:RESIZED]]
    accuracies = {side: _accuracy(frames, labels, predict, side) for side in SIDES}
    whole = metrics.balanced_accuracy(labels, predict(frames))
    kept = {
        SHARPNESS: round(float(low[0]), 2),
        DARKEST: round(float(low[1]), 1),
        BRIGHTEST: round(float(high[1]), 1),
        SIDE: _least_side({**accuracies, frames.shape[1]: whole}, whole),
    }
    return Quality(
        limits=kept,
        warned={
            name: _warned(_changed(frames[:DEGRADED], change), kept, accepts)
            for name, change in _CHANGES.items()
        },
        balanced_accuracy_by_side={
            **{str(side): round(accuracy, 4) for side, accuracy in accuracies.items()},
            "undisturbed": round(whole, 4),
        },
    )


def _measured(frame: NDArray[np.uint8]) -> tuple[float, float]:
    found = measures(frame[np.newaxis].astype(np.float32), min(frame.shape[:2]))
    return found[SHARPNESS], found[DARKEST]


def _least_side(accuracies: dict[int, float], whole: float) -> int:
    """The smallest side at and above which the loss of balanced accuracy is within the bound."""
    least = max(accuracies)
    for side in sorted(accuracies, reverse=True):
        if accuracies[side] < whole - ACCURACY_BOUND:
            break
        least = side
    return least


def _accuracy(
    frames: NDArray[np.uint8], labels: NDArray[np.int64], predict: Predict, side: int
) -> float:
    """Balanced accuracy on images reduced to ``side`` pixels and enlarged again."""
    return metrics.balanced_accuracy(labels, predict(_changed(frames, _shrunk(side))))


def _blurred(deviation: float) -> Callable[[Image.Image], Image.Image]:
    return lambda image: image.filter(ImageFilter.GaussianBlur(deviation))


def _exposed(factor: float) -> Callable[[Image.Image], Image.Image]:
    return lambda image: image.point(lambda value: min(255, value * factor))


def _shrunk(side: int) -> Callable[[Image.Image], Image.Image]:
    """Reduce a picture to ``side`` pixels and enlarge it again."""
    return lambda image: image.resize((side, side), Image.Resampling.BILINEAR).resize(
        image.size, Image.Resampling.BILINEAR
    )


_CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "undisturbed": lambda image: image,
    **{f"blur {blur:g}": _blurred(blur) for blur in BLURS},
    **{f"exposure {factor:g}": _exposed(factor) for factor in EXPOSURES},
    "side 64": _shrunk(64),
}


def _changed(
    frames: NDArray[np.uint8], change: Callable[[Image.Image], Image.Image]
) -> NDArray[np.uint8]:
    return np.stack([np.asarray(change(Image.fromarray(frame))) for frame in frames])


def _warned(
    frames: NDArray[np.uint8],
    kept: dict[str, float],
    accepts: Callable[[NDArray[np.uint8]], NDArray[np.bool_]],
) -> dict[str, float]:
    """Shares of images beyond each limit, and the share recognized as dermatoscopic."""
    sharpness, brightness = np.array([_measured(frame) for frame in frames]).T
    shares = {
        SHARPNESS: sharpness < kept[SHARPNESS],
        DARKEST: brightness < kept[DARKEST],
        BRIGHTEST: brightness > kept[BRIGHTEST],
        RECOGNIZED: accepts(frames),
    }
    return {name: round(float(share.mean()), 4) for name, share in shares.items()}
