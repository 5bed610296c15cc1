"""Evaluates a model on validation and test; fits calibration and threshold on validation."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from lesionlens.imaging.model_input import Preprocessing
from lesionlens.model.figures import Interval, PartMetrics
from lesionlens.model.manifest import DATASET, UNIFORM
from lesionlens.model.manifest_sections import Calibration, Malignancy
from lesionlens.model.posterior import is_malignant, malignant_share, posterior, scaled

from ..data import decoding
from ..data.dataset import CLASSES, HAM10000, Dataset
from ..data.split import HELD_OUT, Split
from . import calibration, isic, metrics, operating_point, origins, predictions
from .metrics import Predictions
from .operating_point import Outcomes

# Maps (N, S, S, 3) uint8 frames, as preprocessed by serving, to (N, C) logits.
Predict = Callable[[NDArray[np.uint8]], NDArray[np.float64]]

Priors = dict[str, tuple[float, ...]]


class Evaluation(Struct, frozen=True):
    """Calibration, priors and threshold for serving, and the figures of validation and test.

    ``metrics`` are of HAM10000's images alone; ``malignancy`` has those of the flag by origin.
    """

    calibration: Calibration
    priors: Priors
    malignancy: Malignancy
    metrics: dict[str, PartMetrics]


def evaluate(
    predict: Predict,
    dataset: Dataset,
    split: Split,
    preprocessing: Preprocessing,
    seed: int,
    folder: Path,
) -> Evaluation:
    """Fit calibration and threshold on validation; evaluate on validation and test.

    The predictions for each image are written to ``folder``.
    """
    answers = {}
    for part in HELD_OUT:
        indices = getattr(split, part)
        logits = predict(decoding.model_inputs(dataset.subset(indices), preprocessing))
        answers[part] = Predictions(
            dataset.labels[indices], logits, dataset.lesions[indices], dataset.origins[indices]
        )
    priors = calibration.priors(dataset.labels[dataset.origins == HAM10000], len(CLASSES))
    fitted = calibration.fit(answers["validation"], CLASSES)
    folder.mkdir(exist_ok=True)
    for part, predicted in answers.items():
        records = dataset.subset(getattr(split, part))
        predictions.write(records, predicted.logits, folder / f"{part}.csv")
        ids = [record.image_id for record in records]
        # The challenge ranks by balanced accuracy.
        shown = posterior(predicted.logits, fitted, np.array(priors[UNIFORM]))
        isic.write(ids, shown, CLASSES, folder / f"isic-{part}.csv")
    return Evaluation(
        calibration=fitted,
        priors=priors,
        malignancy=_malignancy(answers, fitted, priors, seed),
        metrics={
            part: metrics.report(
                _by_prior(predicted.subset(predicted.origins == HAM10000), fitted, priors),
                CLASSES,
                seed,
            )
            for part, predicted in answers.items()
        },
    )


def _by_prior(
    predicted: Predictions, fitted: Calibration, priors: Priors
) -> dict[str, Predictions]:
    return {
        name: dataclasses.replace(
            predicted, logits=scaled(predicted.logits, fitted) + np.log(shares)
        )
        for name, shares in priors.items()
    }


def _malignancy(
    answers: dict[str, Predictions], fitted: Calibration, priors: Priors, seed: int
) -> Malignancy:
    """The threshold of the flag, with its sensitivity and specificity on validation and test."""
    outcomes = {
        part: Outcomes(
            malignant_share(
                posterior(predicted.logits, fitted, np.array(priors[DATASET])), CLASSES
            ),
            is_malignant(CLASSES)[predicted.labels],
            predicted.origins,
            predicted.lesions,
        )
        for part, predicted in answers.items()
    }
    chosen_on = outcomes["validation"]
    threshold = calibration.threshold(
        chosen_on.probabilities, chosen_on.malignant, chosen_on.origins
    )
    pooled = origins.with_few(chosen_on.origins, chosen_on.malignant)
    points = {
        part: operating_point.measure(found, threshold, pooled, seed)
        for part, found in outcomes.items()
    }
    return Malignancy(
        prior="dataset",
        threshold=threshold,
        target_sensitivity=calibration.TARGET_SENSITIVITY,
        pooled=pooled,
        validation=points["validation"],
        test=points["test"],
    )


def summary(found: dict[str, PartMetrics]) -> str:
    """Format the metrics as a table for the terminal."""
    lines = []
    for part, figures in found.items():
        lines.append(f"{part}: {figures.images} images of {figures.lesions} lesions")
        named = {
            "balanced_accuracy": figures.balanced_accuracy,
            "accuracy": figures.default.accuracy,
            "macro_auc": figures.macro_auc,
        }
        lines.extend(f"  {name:<18}{text(figure)}" for name, figure in named.items())
        for label, entry in figures.per_class.items():
            lines.append(
                f"  {label:<6} n={entry.images:<5} sensitivity {text(entry.sensitivity)}"
                f"  specificity {text(entry.specificity)}"
            )
    return "\n".join(lines)


def flag_summary(malignancy: Malignancy) -> str:
    """Format the flag's figures by origin for the terminal."""
    lines = [f"flagged from {malignancy.threshold:.4f}"]
    for part, point in (("validation", malignancy.validation), ("test", malignancy.test)):
        lines.append(
            f"{part}, origins alike: sensitivity {text(point.sensitivity)}"
            f"  specificity {text(point.specificity)}"
        )
        lines.extend(
            f"  {name}: {of.malignant} of {of.images} malignant  sensitivity {text(of.sensitivity)}"
            f"  specificity {text(of.specificity)}  AUC {text(of.auc)}"
            for name, of in point.by_origin.items()
        )
    return "\n".join(lines)


def text(interval: Interval) -> str:
    """Format a figure with its interval as "value (low to high)"."""
    if interval["value"] is None:
        return "undefined"
    return f"{interval['value']:.3f} ({interval['low']:.3f} to {interval['high']:.3f})"
