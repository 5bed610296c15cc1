"""From logits to probabilities that keep their word, and to a flag: fitted on validation.

Balanced accuracy wants classes ranked as if all were equally frequent; a reader wants the
probability beside the answer to hold for the lesions that come. `DECISION` does both: it takes what
is left of the class prior out of the logits, which settles the ranking, and then sharpens all of
them alike, which leaves the ranking as it is, until the highest probability holds on the data set's
own mix. Those who need all seven to hold ask for one of the `PRIORS`.

Sources: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017; Menon et al.,
"Long-tail learning via logit adjustment", ICLR 2021; Platt, "Probabilistic outputs for support
vector machines", 1999.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from lesionlens.model.diagnoses import TAXONOMY
from lesionlens.model.manifest import DECISION, PRIORS, Calibration, Malignancy
from lesionlens.model.result import malignancy, malignant_log_odds

from .metrics import Predictions, log_sum_exp, softmax

# The share of malignant images that the operating threshold must flag on the validation part.
TARGET_SENSITIVITY = 0.95
UNIFORM, DATASET = PRIORS

# What is rounded here is what the manifest says, what is judged and what serving does.
DIGITS = 4
# Log probabilities are kept this far from those of 0 and 1.
LEAST = 1e-9


def fit(predicted: Predictions, shares: NDArray[np.float64]) -> dict[str, Calibration]:
    """Fit every calibration of a release; ``shares`` (C,): of the classes in the training part."""
    log_shares = np.log(shares)
    counts = np.bincount(predicted.labels, minlength=len(shares))
    strength, temperature = _fit_prior(predicted, log_shares, 1 / counts[predicted.labels])
    uniform = _calibration(strength, temperature, log_shares)
    # The same logits with the classes as frequent as they come.
    as_they_come = np.ones(len(predicted.labels))
    dataset = _calibration(*_fit_prior(predicted, log_shares, as_they_come), log_shares)
    return {
        DECISION: Calibration(uniform.offsets, _fit_top_label(apply(uniform, predicted), uniform)),
        UNIFORM: uniform,
        DATASET: dataset,
    }


def apply(calibration: Calibration, predicted: Predictions) -> Predictions:
    """The same images with calibrated logits."""
    calibrated = (predicted.logits + calibration.offsets) / calibration.temperature
    return Predictions(predicted.labels, calibrated, predicted.lesions)


def _fit_prior(
    predicted: Predictions, log_shares: NDArray[np.float64], weights: NDArray[np.float64]
) -> tuple[float, float]:
    """The strength s of offsets -s * log(shares), and T, that minimize the weighted NLL."""

    def loss(parameters: NDArray[np.float64]) -> float:
        strength, log_temperature = parameters
        scaled = (predicted.logits - strength * log_shares) / np.exp(log_temperature)
        chosen = scaled[np.arange(len(scaled)), predicted.labels]
        return float(np.average(log_sum_exp(scaled) - chosen, weights=weights))

    strength, log_temperature = _minimum(loss, ((-5, 5), (-3, 3)))
    return strength, float(np.exp(log_temperature))


def _calibration(
    strength: float, temperature: float, log_shares: NDArray[np.float64]
) -> Calibration:
    offsets = tuple(round(float(offset), DIGITS) for offset in -strength * log_shares)
    return Calibration(offsets, round(temperature, DIGITS))


def _fit_top_label(ranked: Predictions, uniform: Calibration) -> float:
    """The temperature at which the highest probability says how often it is right.

    ``ranked``: under the calibration ``uniform``, whose temperature it replaces.
    """
    right = ranked.logits.argmax(axis=1) == ranked.labels

    def loss(parameters: NDArray[np.float64]) -> float:
        top = softmax(ranked.logits / np.exp(parameters[0])).max(axis=1).clip(LEAST, 1 - LEAST)
        return -float(np.log(np.where(right, top, 1 - top)).mean())

    (log_factor,) = _minimum(loss, ((-3, 3),))
    return round(uniform.temperature * float(np.exp(log_factor)), DIGITS)


def fit_malignancy(
    predicted: Predictions, classes: tuple[str, ...], calibrations: dict[str, Calibration]
) -> tuple[Malignancy, dict[str, float]]:
    """Fit the probability of malignancy, and the threshold; return also what that costs.

    The probability holds for malignancy as frequent as in the data set; the threshold is the
    highest that flags `TARGET_SENSITIVITY` of the malignant images.
    """
    odds = malignant_log_odds(predicted.logits, classes, calibrations[DATASET])
    malignant = is_malignant(predicted.labels, classes)
    sign = np.where(malignant, -1, 1)

    def loss(parameters: NDArray[np.float64]) -> float:
        slope, intercept = parameters
        return float(np.logaddexp(0, sign * (slope * odds + intercept)).mean())

    slope, intercept = (round(x, DIGITS) for x in _minimum(loss, ((0.05, 10), (-10, 10)), (1, 0)))
    mapping = Malignancy(DATASET, slope, intercept, threshold=1.0)
    point = operating_point(malignancy(odds, mapping), malignant)
    return Malignancy(DATASET, slope, intercept, point["threshold"]), point


def is_malignant(labels: NDArray[np.int64], classes: tuple[str, ...]) -> NDArray[np.bool_]:
    """(N,) whether images of the true classes ``labels`` (N,) are malignant."""
    return np.array([TAXONOMY[label].malignant for label in classes])[labels]


def operating_point(scores: NDArray[np.float64], malignant: NDArray[np.bool_]) -> dict[str, float]:
    """The highest threshold that flags `TARGET_SENSITIVITY` of the malignant images."""
    ordered = np.sort(scores[malignant])
    threshold = ordered[int(np.floor((1 - TARGET_SENSITIVITY) * len(ordered)))]
    # Rounded down, so that the image that sets the threshold still passes it.
    threshold = np.floor(threshold * 1e6) / 1e6
    return {
        "threshold": float(threshold),
        "sensitivity": round(float((scores[malignant] >= threshold).mean()), 4),
        "specificity": round(float((scores[~malignant] < threshold).mean()), 4),
    }


def _minimum(
    loss: Callable[[NDArray[np.float64]], float],
    bounds: tuple[tuple[float, float], ...],
    start: tuple[float, ...] | None = None,
) -> list[float]:
    found = minimize(loss, start or (0.0,) * len(bounds), method="L-BFGS-B", bounds=bounds)
    return [float(x) for x in found.x]
