"""Does the class activation map show what the answer rests on? Mask it, and see.

The deletion test of Petsiuk et al., "RISE", BMVC 2018, at one size of mask, beside masks of the
same size put elsewhere at random.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lesionlens.model.cam import enlarged, normalized
from lesionlens.model.classifier import Classifier
from lesionlens.model.manifest import DECISION
from lesionlens.model.result import probabilities

from . import metrics

# The share of the image that is masked.
MASKED = 0.15
RANDOM_MASKS = 3


def report(
    classifier: Classifier, frames: NDArray[np.uint8], lesions: NDArray[np.str_], seed: int
) -> dict[str, Any]:
    """How far masking lowers the predicted class's probability, over (N, S, S, 3) frames."""
    drops = np.array(
        [
            _drops(classifier, frame, np.random.default_rng((seed, n)))
            for n, frame in enumerate(frames)
        ]
    )
    weights = metrics.resampled_weights(lesions, seed)
    marked, random = (metrics.means(drops[:, column], weights) for column in (0, 1))
    return {
        "images": len(frames),
        "masked": MASKED,
        "drop_where_marked": metrics.interval(marked),
        "drop_at_random": metrics.interval(random),
        "difference": metrics.interval(marked - random),
    }


def _drops(
    classifier: Classifier, frame: NDArray[np.uint8], random: np.random.Generator
) -> tuple[float, float]:
    """The loss of probability when the most activated region is masked, and a random one."""
    calibration = classifier.manifest.calibrations[DECISION]

    def shares(image: NDArray[np.float32]) -> NDArray[np.float64]:
        return probabilities(classifier.run(image[np.newaxis]).logits, calibration)

    image = frame.astype(np.float32)
    outputs = classifier.run(image[np.newaxis])
    before = probabilities(outputs.logits, calibration)
    label = int(before.argmax())
    side = len(frame)
    heat = enlarged(normalized(outputs.activation_maps[..., label]), side)
    marked = heat >= np.quantile(heat, 1 - MASKED)
    # The same shape, moved around the edges: of the same size wherever it lands.
    moved = [np.roll(marked, random.integers(0, side, 2), axis=(0, 1)) for _ in range(RANDOM_MASKS)]
    filling = image.mean(axis=(0, 1))

    def drop(mask: NDArray[np.bool_]) -> float:
        masked = np.where(mask[..., np.newaxis], filling, image).astype(np.float32)
        return float(before[label] - shares(masked)[label])

    return drop(marked), float(np.mean([drop(mask) for mask in moved]))
