"""Judge a model on the parts of a split: the figures, and what serving derives from validation."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lesionlens.manifest import DECISION
from lesionlens.preprocess import Preprocessing
from lesionlens.result import malignancy, malignant_log_odds

from . import calibration, metrics
from .dataset import CLASSES, Dataset
from .metrics import Judged

# From (N, S, S, 3) uint8 frames, as serving would see them, to (N, C) logits.
Predict = Callable[[NDArray[np.uint8]], NDArray[np.float64]]


def judge(
    predict: Predict, dataset: Dataset, indices: NDArray[np.int64], preprocessing: Preprocessing
) -> Judged:
    """Run a model on some of the data set's images."""
    frames = dataset.frames(indices, preprocessing)
    return Judged(dataset.labels[indices], predict(frames), dataset.lesions[indices])


def evaluate(
    validation: Judged, test: Judged, shares: NDArray[np.float64], seed: int
) -> dict[str, Any]:
    """Return calibrations, operating point and the metrics of validation and test.

    All is fitted on validation; test is only reported. ``shares`` (C,) are those of the classes in
    the training part.
    """
    calibrations = calibration.fit(validation, shares)
    mapping, point = calibration.fit_malignancy(validation, CLASSES, calibrations)
    odds = malignant_log_odds(test.logits, CLASSES, calibrations[mapping.calibration])
    flagged = malignancy(odds, mapping) >= mapping.threshold
    malignant = calibration.is_malignant(test.labels, CLASSES)
    weights = metrics.resampled_weights(test.lesions, seed)
    return {
        "calibration": {name: vars(fitted) for name, fitted in calibrations.items()},
        "malignancy": {
            **vars(mapping),
            **point,
            "test": metrics.rates(flagged, malignant, weights),
        },
        "metrics": {
            part: metrics.report(calibration.apply(calibrations[DECISION], judged), CLASSES, seed)
            for part, judged in (("validation", validation), ("test", test))
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
