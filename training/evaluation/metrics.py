"""Classification metrics with 95% confidence intervals by bootstrap over lesions."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, logsumexp

from lesionlens.model.figures import ClassMetrics, PartMetrics, UnderPrior
from lesionlens.model.figures import Interval as Interval
from lesionlens.model.manifest import DATASET, UNIFORM

RESAMPLES = 1000
CONFIDENCE = 0.95
DEVIATIONS = 1.96  # quantile of the normal distribution for CONFIDENCE
LOG_TEMPERATURE_BOUNDS = (-3.0, 3.0)

Weights = NDArray[np.float64]


@dataclass(frozen=True)
class Predictions:
    """True classes and a model's logits for N images.

    ``labels`` (N,): index of the true class; ``logits`` (N, C); ``lesions`` (N,): lesion ids;
    ``origins`` (N,): names of the clinics or collections.
    """

    labels: NDArray[np.int64]
    logits: NDArray[np.float64]
    lesions: NDArray[np.str_]
    origins: NDArray[np.str_]

    def subset(self, chosen: NDArray[Any]) -> "Predictions":
        """Select images by a mask or by indices (N,)."""
        return Predictions(
            self.labels[chosen], self.logits[chosen], self.lesions[chosen], self.origins[chosen]
        )


def resampled_weights(lesions: NDArray[np.str_], seed: int) -> Weights:
    """(1 + RESAMPLES, N) weights of images: first all ones, then a bootstrap sample in each row.

    A sample draws as many lesions as there are, with replacement, and has all of their images.
    """
    units, unit_of = np.unique(lesions, return_inverse=True)
    random = np.random.default_rng(seed)
    drawn = random.multinomial(len(units), np.full(len(units), 1 / len(units)), size=RESAMPLES)
    return np.concatenate([np.ones((1, len(lesions))), drawn[:, unit_of].astype(np.float64)])


def interval(samples: NDArray[np.float64]) -> Interval:
    """Value (first sample) and percentile interval (other samples) of a figure.

    Samples in which the figure is undefined are NaN, such as sensitivity without diseased cases.
    """
    if np.isnan(samples[0]):
        return {"value": None, "low": None, "high": None}
    tail = 100 * (1 - CONFIDENCE) / 2
    low, high = np.nanpercentile(samples[1:], [tail, 100 - tail])
    value, low, high = (round(float(x), 4) for x in (samples[0], low, high))
    return {"value": value, "low": low, "high": high}


def share_interval(
    samples: NDArray[np.float64], weights: Weights, among: NDArray[np.bool_]
) -> Interval:
    """`interval` of a share of the images ``among`` (N,), for which ``weights`` gave the samples.

    All resamples of a share of 0 or 1 have that share: its interval is Wilson's, over lesions.
    """
    if samples[0] not in (0, 1):
        return interval(samples)
    # Images of one lesion have the same weight in every resample.
    return wilson(float(samples[0]), np.unique(weights[:, among], axis=1).shape[1])


def wilson(share: float, draws: int) -> Interval:
    """Return a share of ``draws`` independent observations with Wilson's 95% interval.

    Source: Wilson, "Probable inference, the law of succession, and statistical inference", 1927.
    """
    squared = DEVIATIONS**2
    centre = (share + squared / (2 * draws)) / (1 + squared / draws)
    half = (
        DEVIATIONS
        / (1 + squared / draws)
        * math.sqrt(share * (1 - share) / draws + squared / (4 * draws**2))
    )
    return {
        "value": round(share, 4),
        "low": round(max(0.0, centre - half), 4),
        "high": round(min(1.0, centre + half), 4),
    }


def report(by_prior: Mapping[str, Predictions], classes: tuple[str, ...], seed: int) -> PartMetrics:
    """Compute all figures of one part of the data, as in the manifest.

    ``by_prior``: the same images, with logits under each of the named priors.
    """
    predicted = by_prior[UNIFORM]
    weights = resampled_weights(predicted.lesions, seed)
    areas = np.stack([_auc_of_class(predicted, weights, c) for c in range(len(classes))], axis=1)
    uniform, usual = (
        _under(prior, by_prior[prior], classes, weights, areas) for prior in (UNIFORM, DATASET)
    )
    return PartMetrics(
        prior=uniform.prior,
        balanced_accuracy=uniform.balanced_accuracy,
        accuracy=uniform.accuracy,
        per_class=uniform.per_class,
        confusion_matrix=uniform.confusion_matrix,
        images=len(predicted.labels),
        lesions=len(np.unique(predicted.lesions)),
        macro_auc=interval(mean_of_defined(areas)),
        default=usual,
    )


def _under(
    prior: str,
    predicted: Predictions,
    classes: tuple[str, ...],
    weights: Weights,
    areas: NDArray[np.float64],
) -> UnderPrior:
    """``areas`` (B, C): areas under the ROC curves, which hardly depend on the prior."""
    confusion = confusions(predicted, weights)
    sensitivity, specificity = per_class_rates(confusion)
    return UnderPrior(
        prior=prior,
        balanced_accuracy=interval(mean_of_defined(sensitivity)),
        accuracy=interval(accuracies(confusion)),
        per_class={
            name: ClassMetrics(
                images=int(of_class.sum()),
                lesions=len(np.unique(predicted.lesions[of_class])),
                sensitivity=share_interval(sensitivity[:, index], weights, of_class),
                specificity=share_interval(specificity[:, index], weights, ~of_class),
                auc=interval(areas[:, index]),
            )
            for index, name in enumerate(classes)
            for of_class in (predicted.labels == index,)
        },
        confusion_matrix=tuple(tuple(row) for row in confusion[0].astype(int).tolist()),
    )


def confusions(predicted: Predictions, weights: Weights) -> NDArray[np.float64]:
    """(B, C, C) confusion matrices (rows: truth, columns: prediction), one for each weights row."""
    count = predicted.logits.shape[1]
    truth = np.eye(count)[predicted.labels]
    choices = np.eye(count)[predicted.logits.argmax(axis=1)]
    matrices: NDArray[np.float64] = np.einsum(
        "bn,nt,np->btp", weights, truth, choices, optimize=True
    )
    return matrices


def per_class_rates(
    confusion: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(B, C) sensitivity and specificity; NaN where a resample holds no image of the class."""
    hits = np.diagonal(confusion, axis1=1, axis2=2)
    truth, predicted = confusion.sum(axis=2), confusion.sum(axis=1)
    total = truth.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        return hits / truth, (total - truth - predicted + hits) / (total - truth)


def mean_of_defined(rates: NDArray[np.float64]) -> NDArray[np.float64]:
    """(B,) mean over the classes of (B, C) rates, ignoring NaN."""
    defined = np.isfinite(rates)
    with np.errstate(invalid="ignore"):
        mean: NDArray[np.float64] = np.where(defined, rates, 0).sum(axis=1) / defined.sum(axis=1)
    return mean


def balanced_accuracies(predicted: Predictions, weights: Weights) -> NDArray[np.float64]:
    """(B,) mean sensitivity of the classes that occur, for each row of weights."""
    return mean_of_defined(per_class_rates(confusions(predicted, weights))[0])


def accuracies(confusion: NDArray[np.float64]) -> NDArray[np.float64]:
    """(B,) share of correct predictions; NaN where a resample has no image."""
    right = np.trace(confusion, axis1=1, axis2=2)
    with np.errstate(invalid="ignore"):
        share: NDArray[np.float64] = right / confusion.sum(axis=(1, 2))
    return share


def means(values: NDArray[Any], weights: Weights) -> NDArray[np.float64]:
    """(B,) mean of (N,) values (share of true values), for each row of weights."""
    mean: NDArray[np.float64] = weights @ values / weights.sum(axis=1)
    return mean


def _auc_of_class(predicted: Predictions, weights: Weights, index: int) -> NDArray[np.float64]:
    """(B,) area under the ROC curve of one class against the rest."""
    others = logsumexp(np.delete(predicted.logits, index, axis=1), axis=1)
    return aucs(predicted.logits[:, index] - others, predicted.labels == index, weights)


def aucs(
    scores: NDArray[np.float64], member: NDArray[np.bool_], weights: Weights
) -> NDArray[np.float64]:
    """(B,) area under the ROC curve of (N,) scores: the share of correctly ordered pairs."""
    difference = scores[member][:, None] - scores[~member][None, :]
    won = (difference > 0) + 0.5 * (difference == 0)
    inside, outside = weights[:, member], weights[:, ~member]
    with np.errstate(invalid="ignore"):
        area: NDArray[np.float64] = ((inside @ won) * outside).sum(axis=1) / (
            inside.sum(axis=1) * outside.sum(axis=1)
        )
    return area


def flag_rates(
    flagged: NDArray[np.bool_], malignant: NDArray[np.bool_], weights: Weights
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(B,) sensitivity and (B,) specificity of (N,) flags; NaN where undefined."""
    inside, outside = weights * malignant, weights * ~malignant
    with np.errstate(invalid="ignore"):
        return (
            (inside * flagged).sum(axis=1) / inside.sum(axis=1),
            (outside * ~flagged).sum(axis=1) / outside.sum(axis=1),
        )


def rates(
    flagged: NDArray[np.bool_], malignant: NDArray[np.bool_], weights: Weights
) -> dict[str, Interval]:
    """Sensitivity and specificity of (N,) flags, for (B, N) weights of the images."""
    sensitivity, specificity = flag_rates(flagged, malignant, weights)
    return {
        "sensitivity": share_interval(sensitivity, weights, malignant),
        "specificity": share_interval(specificity, weights, ~malignant),
    }


def balanced_accuracy(labels: NDArray[np.int64], logits: NDArray[np.float64]) -> float:
    """Mean of the sensitivities of the classes that occur in ``labels``."""
    right = logits.argmax(axis=1) == labels
    return float(np.mean([right[labels == label].mean() for label in np.unique(labels)]))


def log_loss(labels: NDArray[np.int64], logits: NDArray[np.float64]) -> float:
    """Negative log-likelihood in nats under a uniform prior, with equal weights for classes.

    Minimized over the temperature of the logits, which calibration chooses later.
    """
    return float(log_losses(labels, logits, np.ones((1, len(labels))))[0])


def log_losses(
    labels: NDArray[np.int64], logits: NDArray[np.float64], weights: Weights
) -> NDArray[np.float64]:
    """(B,) `log_loss` for each row of weights, all at the temperature that is best for the first.

    NaN where the images of a class have no weight.
    """
    of_class = [labels == label for label in np.unique(labels)]

    def at(log_temperature: float, weights: Weights) -> NDArray[np.float64]:
        likelihoods = log_softmax(logits / np.exp(log_temperature), axis=1)
        own = likelihoods[np.arange(len(labels)), labels]
        with np.errstate(invalid="ignore"):
            found = [means(own[inside], weights[:, inside]) for inside in of_class]
        losses: NDArray[np.float64] = -np.mean(found, axis=0)
        return losses

    best = minimize_scalar(
        lambda temperature: at(temperature, weights[:1])[0],
        bounds=LOG_TEMPERATURE_BOUNDS,
        method="bounded",
    )
    return at(best.x, weights)
