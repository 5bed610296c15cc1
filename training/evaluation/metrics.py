"""The figures of merit, each with a 95% confidence interval by bootstrap over lesions."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 1000
CONFIDENCE = 0.95

Weights = NDArray[np.float64]
# "value", "low" and "high"; all None where the figure is undefined.
Interval = dict[str, float | None]


@dataclass(frozen=True)
class Predictions:
    """Images with the truth and a model's answer.

    ``labels`` (N,): index of the true class; ``logits`` (N, C); ``lesions`` (N,): lesion ids.
    """

    labels: NDArray[np.int64]
    logits: NDArray[np.float64]
    lesions: NDArray[np.str_]

    def subset(self, chosen: NDArray[Any]) -> "Predictions":
        """The images that a mask or indices (N,) choose."""
        return Predictions(self.labels[chosen], self.logits[chosen], self.lesions[chosen])


def resampled_weights(lesions: NDArray[np.str_], seed: int) -> Weights:
    """(1 + RESAMPLES, N) weights of images: first all ones, then one bootstrap sample a row.

    A sample draws as many lesions as there are, with replacement, and takes all of their images.
    """
    units, unit_of = np.unique(lesions, return_inverse=True)
    random = np.random.default_rng(seed)
    drawn = random.multinomial(len(units), np.full(len(units), 1 / len(units)), size=RESAMPLES)
    return np.concatenate([np.ones((1, len(lesions))), drawn[:, unit_of].astype(np.float64)])


def interval(samples: NDArray[np.float64]) -> Interval:
    """The value (first sample) and its percentile interval (the others).

    A sample is NaN where the figure is undefined, as is the sensitivity where nobody is ill.
    """
    if np.isnan(samples[0]):
        return {"value": None, "low": None, "high": None}
    tail = 100 * (1 - CONFIDENCE) / 2
    low, high = np.nanpercentile(samples[1:], [tail, 100 - tail])
    return {
        name: round(float(x), 4)
        for name, x in (("value", samples[0]), ("low", low), ("high", high))
    }


def report(predicted: Predictions, classes: tuple[str, ...], seed: int) -> dict[str, Any]:
    """All figures of one part of the data, as they stand in the manifest."""
    weights = resampled_weights(predicted.lesions, seed)
    confusion = confusions(predicted, weights)
    sensitivity, specificity = per_class_rates(confusion)
    aucs = np.stack([_auc(predicted, weights, index) for index in range(len(classes))], axis=1)
    return {
        "images": len(predicted.labels),
        "lesions": len(np.unique(predicted.lesions)),
        "balanced_accuracy": interval(mean_of_defined(sensitivity)),
        "accuracy": interval(accuracies(confusion)),
        "macro_auc": interval(mean_of_defined(aucs)),
        "per_class": {
            name: {
                "images": int((predicted.labels == index).sum()),
                "lesions": len(np.unique(predicted.lesions[predicted.labels == index])),
                "sensitivity": interval(sensitivity[:, index]),
                "specificity": interval(specificity[:, index]),
                "auc": interval(aucs[:, index]),
            }
            for index, name in enumerate(classes)
        },
        "confusion_matrix": confusion[0].astype(int).tolist(),
    }


def confusions(predicted: Predictions, weights: Weights) -> NDArray[np.float64]:
    """(B, C, C) confusion matrices, rows truth, columns prediction, one for each row of weights."""
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
    """(B,) mean over the classes of (B, C) rates, leaving out NaN."""
    defined = np.isfinite(rates)
    with np.errstate(invalid="ignore"):
        mean: NDArray[np.float64] = np.where(defined, rates, 0).sum(axis=1) / defined.sum(axis=1)
    return mean


def balanced_accuracies(predicted: Predictions, weights: Weights) -> NDArray[np.float64]:
    """(B,) mean sensitivity of the classes that occur, one for each row of weights."""
    return mean_of_defined(per_class_rates(confusions(predicted, weights))[0])


def accuracies(confusion: NDArray[np.float64]) -> NDArray[np.float64]:
    """(B,) share of right answers; NaN where a resample holds no image."""
    right = np.trace(confusion, axis1=1, axis2=2)
    with np.errstate(invalid="ignore"):
        share: NDArray[np.float64] = right / confusion.sum(axis=(1, 2))
    return share


def means(values: NDArray[Any], weights: Weights) -> NDArray[np.float64]:
    """(B,) mean of (N,) values, or share of those that are true, for each row of weights."""
    mean: NDArray[np.float64] = weights @ values / weights.sum(axis=1)
    return mean


def _auc(predicted: Predictions, weights: Weights, index: int) -> NDArray[np.float64]:
    """(B,) area under the ROC curve of one class against the rest: the share of ordered pairs."""
    scores = predicted.logits[:, index] - log_sum_exp(np.delete(predicted.logits, index, axis=1))
    member = predicted.labels == index
    difference = scores[member][:, None] - scores[~member][None, :]
    won = (difference > 0) + 0.5 * (difference == 0)
    inside, outside = weights[:, member], weights[:, ~member]
    with np.errstate(invalid="ignore"):
        area: NDArray[np.float64] = ((inside @ won) * outside).sum(axis=1) / (
            inside.sum(axis=1) * outside.sum(axis=1)
        )
    return area


def rates(
    flagged: NDArray[np.bool_], malignant: NDArray[np.bool_], weights: Weights
) -> dict[str, Interval]:
    """Sensitivity and specificity of (N,) flags, for (B, N) weights of the images."""
    inside, outside = weights * malignant, weights * ~malignant
    with np.errstate(invalid="ignore"):
        return {
            "sensitivity": interval((inside * flagged).sum(axis=1) / inside.sum(axis=1)),
            "specificity": interval((outside * ~flagged).sum(axis=1) / outside.sum(axis=1)),
        }


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, C) probabilities of (N, C) logits."""
    return np.asarray(np.exp(logits - log_sum_exp(logits)[..., None]))


def balanced_accuracy(labels: NDArray[np.int64], logits: NDArray[np.float64]) -> float:
    """Mean of the sensitivities of the classes that occur in ``labels``."""
    right = logits.argmax(axis=1) == labels
    return float(np.mean([right[labels == label].mean() for label in np.unique(labels)]))


def log_sum_exp(values: NDArray[np.float64]) -> NDArray[np.float64]:
    peak = values.max(axis=-1)
    total: NDArray[np.float64] = peak + np.log(np.exp(values - peak[..., None]).sum(axis=-1))
    return total
