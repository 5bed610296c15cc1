"""Calibration errors and reliability diagrams, with bootstrap intervals over lesions."""

from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from lesionlens.model.figures import Interval
from lesionlens.model.manifest import DATASET, UNIFORM
from lesionlens.model.posterior import malignant_share

from .metrics import Weights, interval, means, resampled_weights
from .served_predictions import Answers

# Number of bins of equal width; a probability of 1 is in the last.
BINS = 15
# Probabilities are clipped to at least this, so that one certain error does not give infinite NLL.
LEAST = 1e-12


class Bin(Struct, frozen=True):
    """One bin of a reliability diagram."""

    start: float
    images: int
    probability: float  # mean
    came_true: float  # observed frequency


class Reliability(Struct, frozen=True):
    """How well a probability is calibrated."""

    calibration_error: Interval
    brier: Interval
    nll: Interval
    bins: tuple[Bin, ...]


class UnderPrior(Struct, frozen=True):
    """Calibration of the predicted class's probability, and of that of malignancy."""

    top_label: Reliability
    malignancy: Reliability


def report(answers: Answers, seed: int) -> dict[str, UnderPrior]:
    """Calibration under each named prior.

    Images are weighted to the class frequencies of the prior: equally for the dataset prior,
    inversely to the size of their class for the uniform one.
    """
    weights = resampled_weights(answers.lesions, seed)
    alike = 1 / np.bincount(answers.labels)[answers.labels]
    return {
        DATASET: _under(answers, DATASET, weights),
        UNIFORM: _under(answers, UNIFORM, weights * alike),
    }


def by_origin(answers: Answers, seed: int) -> dict[str, Reliability]:
    """Calibration of malignancy by origin, at the origin's own share of malignant images.

    This corresponds to a caller who sets ``prevalence``. Origins with a single outcome are left
    out.
    """
    found = {}
    for name in np.unique(answers.origins).tolist():
        inside = answers.subset(answers.origins == name)
        share = float(inside.malignant.mean())
        if 0 < share < 1:
            weights = resampled_weights(inside.lesions, seed)
            found[name] = binary(inside.malignant, inside.malignancy_at(share), weights)
    return found


def _under(answers: Answers, prior: str, weights: Weights) -> UnderPrior:
    probabilities = answers.probabilities(prior)
    return UnderPrior(
        top_label(answers.labels, probabilities, weights),
        binary(answers.malignant, malignant_share(probabilities, answers.classes), weights),
    )


def top_label(
    labels: NDArray[np.int64], probabilities: NDArray[np.float64], weights: Weights
) -> Reliability:
    """Calibration of (N, C) probabilities; ``labels`` (N,) index the true class.

    The calibration error is that of the highest probability; the Brier score is the sum over the
    classes (0 to 2), the NLL that of the true class. ``weights`` (B, N): see `resampled_weights`.
    """
    truth = np.eye(probabilities.shape[1])[labels]
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    brier = ((probabilities - truth) ** 2).sum(axis=1)
    nll = -np.log(np.maximum(probabilities[np.arange(len(labels)), labels], LEAST))
    return _report(confidence, right, brier, nll, weights)


def binary(
    outcomes: NDArray[np.bool_], probabilities: NDArray[np.float64], weights: Weights
) -> Reliability:
    """Calibration of one probability (N,), such as that of malignancy, of (N,) ``outcomes``."""
    brier = (probabilities - outcomes) ** 2
    told = np.where(outcomes, probabilities, 1 - probabilities)
    nll = -np.log(np.maximum(told, LEAST))
    return _report(probabilities, outcomes, brier, nll, weights)


def _report(
    probabilities: NDArray[np.float64],
    outcomes: NDArray[np.bool_],
    brier: NDArray[np.float64],
    nll: NDArray[np.float64],
    weights: Weights,
) -> Reliability:
    errors = calibration_errors(probabilities, outcomes, weights)
    return Reliability(
        calibration_error=_reaching_down(interval(errors)),
        brier=interval(means(brier, weights)),
        nll=interval(means(nll, weights)),
        bins=bins(probabilities, outcomes, weights[0]),
    )


def _reaching_down(error: Interval) -> Interval:
    """Widen an interval to contain its value.

    The error is biased upwards in resamples, which repeat images: the whole interval can lie above
    the value.
    """
    low, value = error["low"], error["value"]
    return {**error, "low": value if low is None or value is None else min(low, value)}


def calibration_errors(
    probabilities: NDArray[np.float64], outcomes: NDArray[np.bool_], weights: Weights
) -> NDArray[np.float64]:
    """(B,) expected calibration error for each row of (B, N) weights.

    The mean over the bins, weighted by their images, of the absolute difference between mean
    probability and observed frequency. Source: Guo et al., "On Calibration of Modern Neural
    Networks", ICML 2017.
    """
    member = np.eye(BINS)[_bin_of(probabilities)]
    gap = weights @ (member * (probabilities - outcomes)[:, None])
    error: NDArray[np.float64] = np.abs(gap).sum(axis=1) / weights.sum(axis=1)
    return error


def bins(
    probabilities: NDArray[np.float64], outcomes: NDArray[np.bool_], weights: NDArray[np.float64]
) -> tuple[Bin, ...]:
    """Bins of a reliability diagram that are not empty; means are weighted by (N,) ``weights``."""
    bin_of = _bin_of(probabilities)
    found = []
    for index in np.unique(bin_of):
        inside = bin_of == index
        found.append(
            Bin(
                start=round(float(index) / BINS, 4),
                images=int(inside.sum()),
                probability=_mean(probabilities[inside], weights[inside]),
                came_true=_mean(outcomes[inside], weights[inside]),
            )
        )
    return tuple(found)


def _mean(values: NDArray[Any], weights: NDArray[np.float64]) -> float:
    return round(float(np.average(values, weights=weights)), 4)


def _bin_of(probabilities: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.minimum((probabilities * BINS).astype(np.int64), BINS - 1)
