"""Fit the detector of images that are no dermatoscopic ones, and measure what it catches.

It is fitted to training images alone and gets its threshold from validation; no picture of anything
else takes part. Which method, of which layers: by experiment, see
`training.evaluation.ood_comparison`.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lesionlens.model.ood import Detector

from ..data.ood_images import SEEN, UNSEEN, Foreign
from . import metrics

# The share of validation images that must pass.
PASS = 0.98
COMPONENTS = 64
# Components need several images each to be told from chance.
IMAGES_A_COMPONENT = 4


def fit(features: NDArray[np.float32]) -> Detector:
    """Fit to the (N, F) features of training images: centre, scale, whiten, keep the first."""
    values = features.astype(np.float64)
    mean, spread = values.mean(axis=0), values.std(axis=0)
    # A channel that never fires says nothing, or everything: let it count as little as any other.
    spread = np.maximum(spread, 1e-3 * max(float(spread.max()), 1e-9))
    covariance = np.cov((values - mean) / spread, rowvar=False)
    variances, directions = np.linalg.eigh(covariance)
    kept = min(COMPONENTS, len(mean), max(1, len(values) // IMAGES_A_COMPONENT))
    variances, directions = variances[::-1][:kept], directions[:, ::-1][:, :kept]
    projection = directions / np.sqrt(np.maximum(variances, 1e-9)) / spread[:, None]
    return Detector(mean.astype(np.float32), projection.astype(np.float32))


def threshold(scores: NDArray[np.float32]) -> float:
    """The least score that lets `PASS` of the validation images through."""
    return float(np.ceil(np.quantile(scores.astype(np.float64), PASS) * 1e4) / 1e4)


def passed(
    scores: NDArray[np.float32], limit: float, lesions: NDArray[np.str_], seed: int
) -> metrics.Interval:
    """The share of (N,) images within the limit, with its interval over lesions."""
    weights = metrics.resampled_weights(lesions, seed)
    return metrics.interval(metrics.means(scores <= limit, weights))


def caught(
    pictures: Sequence[Foreign], scores: NDArray[np.float32], limit: float, seed: int
) -> dict[str, Any]:
    """The share of foreign pictures beyond the limit, with intervals over their sources."""
    sources = np.array([picture.source for picture in pictures])
    halves = np.array([picture.half for picture in pictures])
    found: dict[str, Any] = {}
    for half in (SEEN, UNSEEN):
        inside = halves == half
        weights = metrics.resampled_weights(sources[inside], seed)
        found[half] = {
            "pictures": int(inside.sum()),
            "sources": len(np.unique(sources[inside])),
            "share": metrics.interval(metrics.means(scores[inside] > limit, weights)),
        }
    missed = {
        str(source): round(float((scores[sources == source] <= limit).mean()), 4)
        for source in np.unique(sources)
    }
    found["missed"] = {source: share for source, share in missed.items() if share > 0}
    return found
