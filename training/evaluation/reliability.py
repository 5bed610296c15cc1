"""Do probabilities keep their word: calibration errors and diagrams, intervals over lesions."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .metrics import Interval, Weights, interval, means, resampled_weights
from .served_predictions import Answers

# Equal in width; a probability of 1 falls into the last.
BINS = 15
# Probabilities are kept this far from 0, so that one sure mistake does not make the NLL infinite.
LEAST = 1e-12


def report(answers: Answers, seed: int) -> dict[str, Any]:
    """How far the highest probability, and that of malignancy, keep their word."""
    lesions = answers.lesions
    return {
        "top_label": top_label(answers.labels, answers.shares, lesions, seed),
        "malignancy": binary(answers.malignant, answers.malignancy, lesions, seed),
    }


def top_label(
    labels: NDArray[np.int64], shares: NDArray[np.float64], lesions: NDArray[np.str_], seed: int
) -> dict[str, Any]:
    """Calibration of (N, C) probabilities; ``labels`` (N,) index the true class.

    The calibration error is that of the highest probability; the Brier score is the sum over the
    classes (0 to 2), the NLL that of the true class.
    """
    truth = np.eye(shares.shape[1])[labels]
    confidence, right = shares.max(axis=1), shares.argmax(axis=1) == labels
    brier = ((shares - truth) ** 2).sum(axis=1)
    nll = -np.log(np.maximum(shares[np.arange(len(labels)), labels], LEAST))
    return _report(confidence, right, brier, nll, resampled_weights(lesions, seed))


def binary(
    outcomes: NDArray[np.bool_],
    probabilities: NDArray[np.float64],
    lesions: NDArray[np.str_],
    seed: int,
) -> dict[str, Any]:
    """Calibration of one probability (N,), such as that of malignancy, of (N,) ``outcomes``."""
    brier = (probabilities - outcomes) ** 2
    told = np.where(outcomes, probabilities, 1 - probabilities)
    nll = -np.log(np.maximum(told, LEAST))
    return _report(probabilities, outcomes, brier, nll, resampled_weights(lesions, seed))


def _report(
    probabilities: NDArray[np.float64],
    outcomes: NDArray[np.bool_],
    brier: NDArray[np.float64],
    nll: NDArray[np.float64],
    weights: Weights,
) -> dict[str, Any]:
    errors = calibration_errors(probabilities, outcomes, weights)
    return {
        "calibration_error": _reaching_down(interval(errors)),
        "brier": interval(means(brier, weights)),
        "nll": interval(means(nll, weights)),
        "bins": bins(probabilities, outcomes),
    }


def _reaching_down(error: Interval) -> Interval:
    """The interval, widened to hold its value.

    A resample repeats images, and so errs more than its sample: the interval lies high, at times
    all of it above the value.
    """
    low, value = error["low"], error["value"]
    return {**error, "low": value if low is None or value is None else min(low, value)}


def calibration_errors(
    probabilities: NDArray[np.float64], outcomes: NDArray[np.bool_], weights: Weights
) -> NDArray[np.float64]:
    """(B,) expected calibration error for each row of (B, N) weights.

    The mean over the bins, weighted by their images, of the distance between the mean probability
    and the share of what came true. Source: Guo et al., "On Calibration of Modern Neural
    Networks", ICML 2017.
    """
    member = np.eye(BINS)[_bin_of(probabilities)]
    gap = weights @ (member * (probabilities - outcomes)[:, None])
    error: NDArray[np.float64] = np.abs(gap).sum(axis=1) / weights.sum(axis=1)
    return error


def bins(
    probabilities: NDArray[np.float64], outcomes: NDArray[np.bool_]
) -> list[dict[str, float | int]]:
    """What a reliability diagram shows: each bin that holds an image, with both means."""
    bin_of = _bin_of(probabilities)
    found = []
    for index in np.unique(bin_of):
        inside = bin_of == index
        found.append(
            {
                "from": round(float(index) / BINS, 4),
                "images": int(inside.sum()),
                "probability": round(float(probabilities[inside].mean()), 4),
                "came_true": round(float(outcomes[inside].mean()), 4),
            }
        )
    return found


def _bin_of(probabilities: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.minimum((probabilities * BINS).astype(np.int64), BINS - 1)
