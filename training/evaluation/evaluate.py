"""Judge a model on the parts of a split: the figures, and what serving derives from validation."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lesionlens.imaging.preprocess import Preprocessing
from lesionlens.model.manifest import DECISION, Calibration
from lesionlens.model.result import malignancy, malignant_log_odds, probabilities

from ..data import decoding
from ..data.dataset import CLASSES, Dataset, class_shares
from ..data.split import HELD_OUT, Split
from . import calibration, isic, metrics, predictions
from .metrics import Predictions

# From (N, S, S, 3) uint8 frames, as serving would see them, to (N, C) logits.
Predict = Callable[[NDArray[np.uint8]], NDArray[np.float64]]


def evaluate(
    predict: Predict,
    dataset: Dataset,
    split: Split,
    preprocessing: Preprocessing,
    seed: int,
    folder: Path,
) -> dict[str, Any]:
    """Return a model's calibrations, operating point and metrics; leave its answers in ``folder``.

    All is fitted on validation; test is only reported.
    """
    answers = {}
    for part in HELD_OUT:
        indices = getattr(split, part)
        logits = predict(decoding.squares(dataset.subset(indices), preprocessing))
        answers[part] = Predictions(dataset.labels[indices], logits, dataset.lesions[indices])
    shares = class_shares(dataset.labels[split.train], len(CLASSES), power=1)
    calibrations = calibration.fit(answers["validation"], shares)
    folder.mkdir(exist_ok=True)
    for part, predicted in answers.items():
        records = dataset.subset(getattr(split, part))
        predictions.write(records, predicted.logits, folder / f"{part}.csv")
        ids = [record.image_id for record in records]
        shown = probabilities(predicted.logits, calibrations[DECISION])
        isic.write(ids, shown, CLASSES, folder / f"isic-{part}.csv")
    return {
        "calibration": {name: vars(fitted) for name, fitted in calibrations.items()},
        "malignancy": _malignancy(answers["validation"], answers["test"], calibrations, seed),
        "metrics": {
            part: metrics.report(
                calibration.apply(calibrations[DECISION], predicted), CLASSES, seed
            )
            for part, predicted in answers.items()
        },
    }


def _malignancy(
    validation: Predictions, test: Predictions, calibrations: dict[str, Calibration], seed: int
) -> dict[str, Any]:
    """How malignancy is flagged, and what that costs on validation and on test."""
    mapping, point = calibration.fit_malignancy(validation, CLASSES, calibrations)
    odds = malignant_log_odds(test.logits, CLASSES, calibrations[mapping.calibration])
    flagged = malignancy(odds, mapping) >= mapping.threshold
    malignant = calibration.is_malignant(test.labels, CLASSES)
    weights = metrics.resampled_weights(test.lesions, seed)
    return {**vars(mapping), **point, "test": metrics.rates(flagged, malignant, weights)}


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
