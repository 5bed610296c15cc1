"""Calibration of the logits, and the threshold of the flag; both are fitted on validation.

Calibration uses the class frequencies of each image's own origin as prior, so that only the
likelihoods of the classes are fitted; `lesionlens.model.posterior` combines them with the prior of
a request.

Sources: temperature and vector scaling, Guo et al., "On Calibration of Modern Neural Networks",
ICML 2017; class frequencies as offsets of the logits, Menon et al., "Long-tail learning via logit
adjustment", ICLR 2021.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import logsumexp, softmax
from sklearn.model_selection import GroupKFold

from lesionlens.model.manifest import DATASET, UNIFORM
from lesionlens.model.manifest_sections import Calibration
from lesionlens.model.posterior import is_malignant

from . import origins
from .metrics import Predictions

# Share of malignant images that the threshold must flag, with equal weights for origins.
TARGET_SENSITIVITY = 0.95
VECTOR, TEMPERATURE = "vector scaling", "temperature and offsets"

FOLDS = 5
# Values are rounded before they are evaluated, written to the manifest and served.
DIGITS = 4
# L2 penalty on the offsets and the logarithms of the scales: keeps the parameters of classes with
# few images near those of uncalibrated logits.
PENALTY = 1e-4
LOG_SCALE_BOUNDS, OFFSET_BOUNDS = (-3.0, 3.0), (-20.0, 20.0)


def priors(labels: NDArray[np.int64], classes: int) -> dict[str, tuple[float, ...]]:
    """Return the named priors: class frequencies as in ``labels`` (N,), and uniform ones.

    A class without images counts as half an image, so that no class has probability 0.
    """
    counts = np.maximum(np.bincount(labels, minlength=classes), 0.5)
    shares = (counts / counts.sum()).round(6)
    return {DATASET: tuple(shares.tolist()), UNIFORM: (round(1 / classes, 6),) * classes}


def fit(predicted: Predictions, classes: tuple[str, ...]) -> Calibration:
    """Fit vector scaling, or temperature and offsets, whichever cross-validation prefers.

    Folds are by lesion; the criterion is the negative log-likelihood on held-out folds.
    """
    malignant = is_malignant(classes)[predicted.labels]
    weights = origins.image_weights(predicted.origins, malignant)
    log_priors = _log_priors(predicted)
    scales_of = {TEMPERATURE: 1, VECTOR: len(classes)}
    losses = dict.fromkeys(scales_of, 0.0)
    folds = min(FOLDS, len(np.unique(predicted.lesions)))
    if folds > 1:
        everything = np.arange(len(predicted.labels))
        for train, held_out in GroupKFold(folds).split(everything, groups=predicted.lesions):
            for method, scales in scales_of.items():
                fitted = _fit(scales, predicted.subset(train), log_priors[train], weights[train])
                loss = _losses(predicted.subset(held_out), log_priors[held_out], *fitted)
                losses[method] += float(weights[held_out] @ loss)
    method = min(losses, key=lambda name: losses[name])
    fitted = _fit(scales_of[method], predicted, log_priors, weights)
    scale, offset = (tuple(np.round(values, DIGITS).tolist()) for values in fitted)
    return Calibration(method, scale, offset)


def _log_priors(predicted: Predictions) -> NDArray[np.float64]:
    """(N, C) log class frequencies of each image's origin; -inf for absent classes."""
    count = predicted.logits.shape[1]
    found = np.empty(predicted.logits.shape)
    for name in np.unique(predicted.origins):
        inside = predicted.origins == name
        with np.errstate(divide="ignore"):
            found[inside] = np.log(
                np.bincount(predicted.labels[inside], minlength=count) / inside.sum()
            )
    return found


def _fit(
    scales: int,
    predicted: Predictions,
    log_priors: NDArray[np.float64],
    weights: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return (C,) scales and (C,) offsets; ``scales`` is the number of free scales, 1 or C."""
    count = predicted.logits.shape[1]

    def expanded(found: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return np.broadcast_to(np.exp(found[:scales]), count), found[scales:]

    truth, share = np.eye(count)[predicted.labels], weights / weights.sum()

    def loss(found: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """The penalized loss and its gradient."""
        scale, offset = expanded(found)
        losses = _losses(predicted, log_priors, scale, offset)
        scores = predicted.logits * scale + offset + log_priors
        by_score = share[:, np.newaxis] * (softmax(scores, axis=1) - truth)
        by_scale = (by_score * predicted.logits).sum(axis=0) * scale
        slope = np.concatenate(
            [by_scale if scales == count else [by_scale.sum()], by_score.sum(axis=0)]
        )
        return float(share @ losses + PENALTY * (found**2).sum()), slope + 2 * PENALTY * found

    bounds = [LOG_SCALE_BOUNDS] * scales + [OFFSET_BOUNDS] * count
    found = minimize(loss, np.zeros(scales + count), method="L-BFGS-B", jac=True, bounds=bounds)
    return expanded(found.x)


def _losses(
    predicted: Predictions,
    log_priors: NDArray[np.float64],
    scales: NDArray[np.float64],
    offsets: NDArray[np.float64],
) -> NDArray[np.float64]:
    """(N,) negative log-likelihood of the true classes."""
    scores = predicted.logits * scales + offsets + log_priors
    chosen = scores[np.arange(len(scores)), predicted.labels]
    losses: NDArray[np.float64] = logsumexp(scores, axis=1) - chosen
    return losses


def threshold(
    probabilities: NDArray[np.float64], malignant: NDArray[np.bool_], of: NDArray[np.str_]
) -> float:
    """Return the highest threshold that flags `TARGET_SENSITIVITY` of the malignant images.

    The arguments are (N,) probabilities of malignancy, outcomes and origins; sensitivity is
    averaged over groups of origins (see `origins`), not over images.
    """
    if not malignant.any():
        raise ValueError("no image to choose the threshold on is malignant")
    pooled = origins.with_few(of, malignant)
    weight_of = origins.group_weights(of, malignant, pooled)
    weights = np.zeros(len(of))
    for name, inside in origins.groups(of, pooled).items():
        ill = inside & malignant
        if ill.any():
            weights[ill] = weight_of[name] / ill.sum()
    order = np.argsort(-probabilities[malignant], kind="stable")
    flagged = np.cumsum(weights[malignant][order]) / weights.sum()
    # The tolerance absorbs rounding errors of the sum.
    last = order[int(np.searchsorted(flagged, TARGET_SENSITIVITY - 1e-9))]
    # Rounded down, so that the image at the threshold is still flagged.
    chosen = np.floor(probabilities[malignant][last] * 1e6) / 1e6
    return max(float(chosen), 1e-6)
