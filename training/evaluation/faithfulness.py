"""Tests whether class activation maps show the evidence: masking it must lower the probability.

The deletion test of Petsiuk et al., "RISE", BMVC 2018, at one mask size, compared with masks of the
same size at random places.
"""

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from lesionlens.model.cam import enlarged, normalized
from lesionlens.model.classifier import Classifier
from lesionlens.model.figures import Interval
from lesionlens.model.manifest import DATASET
from lesionlens.model.posterior import named_prior, posterior

from . import metrics

# Share of the image that is masked.
MASKED = 0.15
RANDOM_MASKS = 3


class Deletion(Struct, frozen=True):
    """Mean drops of the predicted class's probability; ``masked``: masked share of the image."""

    images: int
    masked: float
    drop_where_marked: Interval
    drop_at_random: Interval
    difference: Interval


def report(
    classifier: Classifier, frames: NDArray[np.uint8], lesions: NDArray[np.str_], seed: int
) -> Deletion:
    """Measure how far masking lowers the predicted class's probability on (N, S, S, 3) frames."""
    drops = np.array(
        [
            _drops(classifier, frame, np.random.default_rng((seed, n)))
            for n, frame in enumerate(frames)
        ]
    )
    weights = metrics.resampled_weights(lesions, seed)
    marked, random = (metrics.means(drops[:, column], weights) for column in (0, 1))
    return Deletion(
        images=len(frames),
        masked=MASKED,
        drop_where_marked=metrics.interval(marked),
        drop_at_random=metrics.interval(random),
        difference=metrics.interval(marked - random),
    )


def _drops(
    classifier: Classifier, frame: NDArray[np.uint8], random: np.random.Generator
) -> tuple[float, float]:
    """Drops of the probability when the most activated and a random region are masked."""
    manifest = classifier.manifest
    prior = named_prior(manifest, DATASET)

    def probabilities(logits: NDArray[np.float32]) -> NDArray[np.float64]:
        return posterior(logits, manifest.calibration, prior.shares)

    image = frame.astype(np.float32)
    outputs = classifier.run(image[np.newaxis])
    before = probabilities(outputs.logits)
    label = int(before.argmax())
    side = len(frame)
    heat = enlarged(normalized(outputs.activation_maps[..., label]), side)
    marked = heat >= np.quantile(heat, 1 - MASKED)
    # The same shape, shifted with wrap-around, which keeps its area.
    moved = [np.roll(marked, random.integers(0, side, 2), axis=(0, 1)) for _ in range(RANDOM_MASKS)]
    filling = image.mean(axis=(0, 1))

    def drop(mask: NDArray[np.bool_]) -> float:
        masked = np.where(mask[..., np.newaxis], filling, image).astype(np.float32)
        after = probabilities(classifier.run(masked[np.newaxis]).logits)
        return float(before[label] - after[label])

    return drop(marked), float(np.mean([drop(mask) for mask in moved]))
