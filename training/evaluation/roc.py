"""ROC curves: of each class against the rest, and of malignancy."""

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from sklearn.metrics import roc_curve

from .served_predictions import Answers

# False positive rates at which curves are sampled.
GRID = np.linspace(0, 1, 101)


class Curves(Struct, frozen=True):
    """ROC curves: sensitivities by class at each false positive rate."""

    false_positive_rate: list[float]
    sensitivity: dict[str, list[float]]


def curves(answers: Answers) -> Curves:
    """Sensitivity of each curve at the rates of `GRID`; classes that do not occur have none."""
    probabilities = answers.probabilities()
    members = {
        label: (answers.labels == index, probabilities[:, index])
        for index, label in enumerate(answers.classes)
    }
    members["malignancy"] = (answers.malignant, answers.malignancy)
    return Curves(
        GRID.round(2).tolist(),
        {
            name: _sensitivities(member, scores).round(4).tolist()
            for name, (member, scores) in members.items()
            if member.any() and not member.all()
        },
    )


def _sensitivities(member: NDArray[np.bool_], scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Highest sensitivity at each false positive rate of `GRID`."""
    rates, sensitivities, _ = roc_curve(member, scores)
    best: NDArray[np.float64] = sensitivities[np.searchsorted(rates, GRID, side="right") - 1]
    return best
