"""Figures of subgroups: by age, sex, body site, and how the diagnosis was made."""

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
# Boundaries of the age bands, in years.
AGES = (30, 50, 70)
# Groups with fewer lesions are marked: their figures are unreliable.
FEW_LESIONS = 30


def age_band(record: Record) -> str:
    """Age band of a patient, such as "30 to 49"."""
    try:
        years = float(record.age)
    except ValueError:
        return UNKNOWN
    # In HAM10000 an age of 0 means a small child or an unknown age.
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
    """Figures of a subgroup. ``few``: of too few lesions to be reliable; ``malignant``: images."""

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
    """Figures of every group of every grouping, sorted by name."""
    weights = metrics.resampled_weights(answers.lesions, seed)
    found = {}
    for name, group_of in GROUPINGS.items():
        groups = np.array([group_of(record) for record in answers.records])
        found[name] = {
            str(group): _figures(answers, groups == group, weights) for group in np.unique(groups)
        }
    return found


def _figures(answers: Answers, inside: NDArray[np.bool_], weights: Weights) -> Group:
    """``weights`` (B, N): of all images; ``inside`` (N,): mask of the group."""
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
