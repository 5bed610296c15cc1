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


def evaluate(validation: Judged, test: Judged, prior: str, seed: int) -> dict[str, Any]:
    """Return calibration, operating point and the metrics of validation and test.

    Temperature and threshold are fitted on validation; test is only reported. ``prior``: the shares
    of the classes under which the model's probabilities hold.
    """
    temperature = round(metrics.temperature(validation, balanced=prior == "uniform"), 4)
    flags = {
        name: metrics.malignancy_scores(judged, temperature, CLASSES)
        for name, judged in (("validation", validation), ("test", test))
    }
    point = metrics.operating_point(*flags["validation"])
    rates = metrics.flag_rates(*flags["test"], test.lesions, point["threshold"], seed)
    return {
        "calibration": {"temperature": temperature, "prior": prior},
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


def text(interval: dict[str, float]) -> str:
    return f"{interval['value']:.3f} ({interval['low']:.3f} to {interval['high']:.3f})"
