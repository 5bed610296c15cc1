"""The figures for groups of patients: by age, sex, body site, and how the diagnosis was made."""

from collections.abc import Callable

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from lesionlens.model.figures import Interval
from lesionlens.model.manifest import DATASET

from ..data.dataset import Record
from . import metrics
from .metrics import Weights
from .served_predictions import Answers

UNKNOWN = "unknown"
# The years that divide the bands.
AGES = (30, 50, 70)
# Of fewer lesions a figure says little; what is marked so is not hidden.
FEW_LESIONS = 30


def age_band(record: Record) -> str:
    """The band of the patient's age, such as "30 to 49"."""
    try:
        years = float(record.age)
    except ValueError:
        return UNKNOWN
    # HAM10000 writes 0 both for small children and where nothing is known.
    if not years > 0:
        return UNKNOWN
    place = int(np.searchsorted(AGES, years, side="right"))
    if place == 0:
        return f"under {AGES[0]}"
    if place == len(AGES):
        return f"{AGES[-1]} and over"
    return f"{AGES[place - 1]} to {AGES[place] - 1}"


GROUPINGS: dict[str, Callable[[Record], str]] = {
    "age": age_band,
    "sex": lambda record: record.sex or UNKNOWN,
    "localization": lambda record: record.localization or UNKNOWN,
    "dx_type": lambda record: record.dx_type or UNKNOWN,
}


class Group(Struct, frozen=True):
    """``few``: of so few lesions that the figures say little; ``malignant``: images."""

    images: int
    lesions: int
    few: bool
    classes: int
    accuracy: Interval  # under the default prior
    balanced_accuracy: Interval  # under the uniform prior
    malignant: int
    malignancy_sensitivity: Interval
    malignancy_specificity: Interval


def report(answers: Answers, seed: int) -> dict[str, dict[str, Group]]:
    """Figures of every group of every grouping, the groups in the order of their names."""
    weights = metrics.resampled_weights(answers.lesions, seed)
    found = {}
    for name, group_of in GROUPINGS.items():
        groups = np.array([group_of(record) for record in answers.records])
        found[name] = {
            str(group): _figures(answers, groups == group, weights) for group in np.unique(groups)
        }
    return found


def _figures(answers: Answers, inside: NDArray[np.bool_], weights: Weights) -> Group:
    """``weights`` (B, N) are of all images; ``inside`` (N,) marks those of the group."""
    lesions = len(np.unique(answers.lesions[inside]))
    ill = answers.malignant[inside]
    rates = metrics.rates(answers.flagged[inside], ill, weights[:, inside])
    usual = metrics.confusions(answers.under(DATASET).subset(inside), weights[:, inside])
    balanced = metrics.balanced_accuracies(answers.predicted.subset(inside), weights[:, inside])
    return Group(
        images=int(inside.sum()),
        lesions=lesions,
        few=lesions < FEW_LESIONS,
        classes=len(np.unique(answers.labels[inside])),
        accuracy=metrics.interval(metrics.accuracies(usual)),
        balanced_accuracy=metrics.interval(balanced),
        malignant=int(ill.sum()),
        malignancy_sensitivity=rates["sensitivity"],
        malignancy_specificity=rates["specificity"],
    )
