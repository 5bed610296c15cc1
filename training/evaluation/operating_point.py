"""Sensitivity and specificity of the malignancy flag: by origin, and with equal weights."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lesionlens.model.figures import OperatingPoint, OriginRates

from . import metrics, origins
from .metrics import Weights


@dataclass(frozen=True)
class Outcomes:
    """(N,) probability of malignancy, true outcome, origin and lesion id of images."""

    probabilities: NDArray[np.float64]
    malignant: NDArray[np.bool_]
    origins: NDArray[np.str_]
    lesions: NDArray[np.str_]


def measure(
    outcomes: Outcomes, threshold: float, pooled: Sequence[str], seed: int
) -> OperatingPoint:
    """Sensitivity and specificity at the threshold, with intervals over lesions.

    ``pooled``: origins with few malignant validation images, which are counted as one.
    """
    weights = metrics.resampled_weights(outcomes.lesions, seed)
    groups = origins.groups(outcomes.origins, pooled)
    weight_of = origins.group_weights(outcomes.origins, outcomes.malignant, pooled)
    by_group = {name: _rates(outcomes, threshold, weights, groups[name]) for name in groups}
    alone = {name: outcomes.origins == name for name in np.unique(outcomes.origins).tolist()}
    return OperatingPoint(
        sensitivity=metrics.interval(_mean({n: by_group[n][0] for n in groups}, weight_of)),
        specificity=metrics.interval(_mean({n: by_group[n][1] for n in groups}, weight_of)),
        by_origin={
            name: _of_origin(outcomes, threshold, weights, inside)
            for name, inside in {**alone, **groups}.items()
        },
    )


def _of_origin(
    outcomes: Outcomes, threshold: float, weights: Weights, inside: NDArray[np.bool_]
) -> OriginRates:
    malignant, weights = outcomes.malignant[inside], weights[:, inside]
    flagged = outcomes.probabilities[inside] >= threshold
    rates = metrics.rates(flagged, malignant, weights)
    areas = metrics.aucs(outcomes.probabilities[inside], malignant, weights)
    return OriginRates(
        images=int(inside.sum()),
        lesions=len(np.unique(outcomes.lesions[inside])),
        malignant=int(malignant.sum()),
        sensitivity=rates["sensitivity"],
        specificity=rates["specificity"],
        auc=metrics.interval(areas),
    )


def _rates(
    outcomes: Outcomes, threshold: float, weights: Weights, inside: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    flagged = outcomes.probabilities[inside] >= threshold
    return metrics.flag_rates(flagged, outcomes.malignant[inside], weights[:, inside])


def _mean(
    rates: dict[str, NDArray[np.float64]], weight_of: dict[str, float]
) -> NDArray[np.float64]:
    """(B,) weighted mean over the groups in which the rate is defined."""
    stacked = np.stack(list(rates.values()))
    weights = np.array([weight_of[name] for name in rates])[:, np.newaxis] * np.isfinite(stacked)
    with np.errstate(invalid="ignore"):
        mean: NDArray[np.float64] = np.nansum(stacked * weights, axis=0) / weights.sum(axis=0)
    return mean
