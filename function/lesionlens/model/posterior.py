"""From a model's logits to the posterior over the classes, under a stated prior.

Every number in a result comes from one such posterior: the class probabilities, the most likely
class, and malignancy as the sum over the malignant classes.

Sources: vector scaling, Guo et al., "On Calibration of Modern Neural Networks", ICML 2017; another
prior by Bayes' rule, Saerens, Latinne and Decaestecker, "Adjusting the Outputs of a Classifier to
New a Priori Probabilities", Neural Computation 2002.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .diagnoses import TAXONOMY
from .manifest import Manifest
from .manifest_sections import Calibration

PREVALENCE = "prevalence"
# The shares of malignant lesions that a caller may state.
MIN_PREVALENCE, MAX_PREVALENCE = 0.0001, 0.9999

# Probabilities are whole multiples of 1 / STEPS: any sum of them is exact in float64, in any order.
STEPS = 2.0**52


@dataclass(frozen=True)
class Prior:
    """The assumed frequencies of the classes.

    ``shares`` (C,): positive, summing to 1, in the order of the outputs; ``malignant``: the share
    of malignant lesions.
    """

    name: str
    shares: NDArray[np.float64]
    malignant: float


def named_prior(manifest: Manifest, name: str) -> Prior:
    """Return the manifest's prior of that name. Raises KeyError."""
    return _prior(name, manifest.priors[name], manifest.classes)


# Requests use few different ones.
@lru_cache(16)
def _prior(name: str, weights: tuple[float, ...], classes: tuple[str, ...]) -> Prior:
    shares = np.array(weights, np.float64)
    shares /= shares.sum()
    shares.setflags(write=False)
    return Prior(name, shares, float(shares[is_malignant(classes)].sum()))


def prior_of_prevalence(manifest: Manifest, prevalence: float) -> Prior:
    """Return the default prior, rescaled so that malignant classes sum to ``prevalence`` in (0, 1).

    Only the odds of malignant against benign change: the shares within each group stay the same.
    """
    usual = named_prior(manifest, manifest.malignancy.prior)
    malignant = is_malignant(manifest.classes)
    factor = np.where(
        malignant, prevalence / usual.malignant, (1 - prevalence) / (1 - usual.malignant)
    )
    return Prior(PREVALENCE, usual.shares * factor, prevalence)


def is_malignant(classes: Sequence[str]) -> NDArray[np.bool_]:
    """Return a read-only (C,) mask of the malignant classes."""
    return _is_malignant(tuple(classes))


@lru_cache(16)
def _is_malignant(classes: tuple[str, ...]) -> NDArray[np.bool_]:
    found = np.array([TAXONOMY[label].malignant for label in classes])
    found.setflags(write=False)
    return found


def posterior(
    logits: NDArray[np.floating[Any]], by: Calibration, shares: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the probabilities (…, C) of (…, C) ``logits`` under a prior of (C,) ``shares``.

    They are multiples of 1 / `STEPS` that sum to exactly 1.
    """
    scores = scaled(logits, by) + np.log(shares)
    exponentials = np.exp(scores - scores.max(axis=-1, keepdims=True))
    steps = np.rint(STEPS * exponentials / exponentials.sum(axis=-1, keepdims=True))
    first = steps.argmax(axis=-1)[..., np.newaxis] == np.arange(steps.shape[-1])
    # The rounding error goes to the largest probability, where its relative effect is smallest.
    return np.asarray((steps + first * (STEPS - steps.sum(axis=-1, keepdims=True))) / STEPS)


def malignant_share(
    probabilities: NDArray[np.float64], classes: Sequence[str]
) -> NDArray[np.float64]:
    """Return the exact sum (…) over the malignant classes of (…, C) from `posterior`."""
    return np.asarray(probabilities[..., is_malignant(classes)].sum(axis=-1))


def scaled(logits: NDArray[np.floating[Any]], by: Calibration) -> NDArray[np.float64]:
    """Return calibrated logits (…, C): class log-likelihoods up to a constant per image."""
    return np.asarray(logits.astype(np.float64) * by.scales + by.offsets)
