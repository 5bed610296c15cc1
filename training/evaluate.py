"""Judge a model on the parts of a split: the figures, and what serving derives from validation."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lesionlens.preprocess import Preprocessing

from . import metrics
from .dataset import CLASSES, Dataset, decoded
from .metrics import Judged

# From (N, S, S, 3) uint8 frames, as serving would see them, to (N, C) logits.
Predict = Callable[[NDArray[np.uint8]], NDArray[np.float64]]


def judge(
    predict: Predict, dataset: Dataset, indices: NDArray[np.int64], preprocessing: Preprocessing
) -> Judged:
    """Run a model on some of the data set's images."""
    side = preprocessing.size
    frames = decoded(dataset.subset(indices), side, side, preprocessing)
    return Judged(dataset.labels[indices], predict(frames), dataset.lesions[indices])


def evaluate(
    validation: Judged, test: Judged, shares: NDArray[np.float64], seed: int
) -> dict[str, Any]:
    """Return calibration, operating point and the metrics of validation and test.

    Calibration and threshold are fitted on validation; test is only reported. ``shares`` (C,) are
    those of the classes in the training part.
    """
    calibration = metrics.calibrate(validation, shares)
    validation, test = calibration.apply(validation), calibration.apply(test)
    point = metrics.operating_point(*metrics.malignancy_scores(validation, CLASSES))
    scores, malignant = metrics.malignancy_scores(test, CLASSES)
    rates = metrics.flag_rates(scores, malignant, test.lesions, point["threshold"], seed)
    return {
        "calibration": {
            "prior": "uniform",
            "offsets": list(calibration.offsets),
            "temperature": calibration.temperature,
        },
        "malignancy": {**point, "test": rates},
        "metrics": {
            "validation": metrics.report(validation, CLASSES, seed),
            "test": metrics.report(test, CLASSES, seed),
        },
    }


def summary(evaluation: dict[str, Any]) -> str:
    """A table for the terminal."""
    lines = []
    for part, figures in evaluation["metrics"].items():
        lines.append(f"{part}: {figures['images']} images of {figures['lesions']} lesions")
        for name in ("balanced_accuracy", "accuracy", "macro_auc"):
            lines.append(f"  {name:<18}{text(figures[name])}")
        for label, entry in figures["per_class"].items():
            lines.append(
                f"  {label:<6} n={entry['images']:<5} sensitivity {text(entry['sensitivity'])}"
                f"  specificity {text(entry['specificity'])}"
            )
    return "\n".join(lines)


def text(interval: metrics.Interval) -> str:
    if interval["value"] is None:
        return "undefined"
    return f"{interval['value']:.3f} ({interval['low']:.3f} to {interval['high']:.3f})"
