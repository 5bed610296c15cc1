"""The flag for a lesion with several pictures: ways to combine their answers, compared.

The page lets the most urgent answer lead (web/js/several.js).
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from lesionlens.model.figures import Interval

from . import metrics
from .served_predictions import Answers

# From the probabilities of malignancy of a lesion's pictures, (K,), to one that the flag's
# threshold is held against.
WAYS: dict[str, Callable[[NDArray[np.float64]], float]] = {
    "the first picture alone": lambda chances: float(chances[0]),
    "the most urgent": lambda chances: float(chances.max()),
    "their mean": lambda chances: float(chances.mean()),
    "the least urgent": lambda chances: float(chances.min()),
}


def compare(answers: Answers, seed: int) -> tuple[int, int, dict[str, dict[str, Interval]]]:
    """Return the numbers of lesions and of malignant ones, and each way's rates over them.

    Lesions with one picture are left out. Sensitivity and specificity are by lesion, with intervals
    by bootstrap over lesions.

    Raises ValueError if no malignant, or no benign, lesion has two pictures.
    """
    lesions, first, counts = np.unique(answers.lesions, return_index=True, return_counts=True)
    several = counts > 1
    lesions, malignant = lesions[several], answers.malignant[first[several]]
    if malignant.all() or not malignant.any():
        raise ValueError(
            "sensitivity and specificity need malignant and benign lesions with two pictures"
        )
    weights = metrics.resampled_weights(lesions, seed)
    chances = [answers.malignancy[answers.lesions == lesion] for lesion in lesions]
    rates = {
        name: metrics.rates(
            np.array([way(part) for part in chances]) >= answers.threshold, malignant, weights
        )
        for name, way in WAYS.items()
    }
    return len(lesions), int(malignant.sum()), rates
