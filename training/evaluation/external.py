"""Evaluates a release on an external set: a folder of images and a table of their labels."""

from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from msgspec import Struct

from lesionlens.model.classifier import Classifier
from lesionlens.model.figures import Interval, OriginRates, PartMetrics
from lesionlens.model.manifest import DATASET, MODEL, UNIFORM

from ..data import image_files
from ..data.dataset import Dataset, DatasetError, parse, rows
from . import isic, metrics, operating_point, reliability, subgroups
from .evaluate import summary, text
from .operating_point import Outcomes
from .reliability import Reliability, UnderPrior
from .served_predictions import Answers, collect
from .subgroups import Group

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".avif", ".heic")


class Flag(Struct, frozen=True):
    """Figures of the malignancy flag at the release's threshold."""

    threshold: float
    sensitivity: Interval
    specificity: Interval
    auc: Interval
    by_origin: dict[str, OriginRates]


class External(Struct, frozen=True):
    """A release's figures on a labelled set."""

    set: str
    fingerprint: str
    release: str
    model_sha256: str
    metrics: PartMetrics
    malignancy: Flag
    calibration: dict[str, UnderPrior]  # by prior
    calibration_by_origin: dict[str, Reliability]
    subgroups: dict[str, dict[str, Group]]
    in_distribution: Interval | None  # None: the release has no detector


@dataclass(frozen=True)
class ExternalEvaluation:
    """Figures of an external set, and the predictions that they were computed from."""

    figures: External
    answers: Answers

    def write(self, path: Path) -> None:
        """Write the figures to ``path``, and beside it the predictions as the ISIC challenge's CSV.

        Predictions are under the uniform prior: the challenge ranks by balanced accuracy.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(msgspec.json.format(msgspec.json.encode(self.figures), indent=1) + b"\n")
        ids = [record.image_id for record in self.answers.records]
        probabilities = self.answers.probabilities(UNIFORM)
        isic.write(ids, probabilities, self.answers.classes, path.with_suffix(".csv"))

    def table(self) -> str:
        """Format the figures as a table for the terminal."""
        figures = self.figures
        flag, errors = figures.malignancy, figures.calibration[DATASET]
        passed = figures.in_distribution
        lines = {
            "malignancy flag": f"sensitivity {text(flag.sensitivity)}"
            f"  specificity {text(flag.specificity)}",
            "  AUC": text(flag.auc),
            "calibration error": text(errors.top_label.calibration_error),
            "  of malignancy": text(errors.malignancy.calibration_error),
            "in distribution": text(passed) if passed else "the release cannot tell",
        }
        return "\n".join(
            [
                f"release {figures.release}",
                summary({figures.set: figures.metrics}),
                *(f"  {name:<18}{figure}" for name, figure in lines.items()),
            ]
        )


def read(images: Path, labels: Path) -> Dataset:
    """Read the folder ``images`` and the table ``labels`` (image_id and dx, or one-hot).

    Without a column lesion_id every image counts as one lesion; without a column origin the whole
    set has one origin. Raises DatasetError.
    """
    if not images.is_dir():
        raise DatasetError([f"{images} is no folder of images"])
    if not labels.is_file():
        raise DatasetError([f"{labels} is no table of labels"])
    table = rows(labels, ("image_id", "dx"))
    for row in table:
        row["lesion_id"] = row.get("lesion_id") or row["image_id"]
        row["origin"] = row.get("origin") or _name(labels)
    files = image_files.find(images, SUFFIXES)
    return parse(table, files, image_files.looked_for(images, SUFFIXES, len(files)))


def evaluate(classifier: Classifier, images: Path, labels: Path, seed: int) -> ExternalEvaluation:
    """Evaluate a release on a labelled set. Raises DatasetError."""
    data = read(images, labels)
    answers = collect(classifier, data.records)
    return ExternalEvaluation(report(answers, _name(labels), data.fingerprint, seed), answers)


def _name(labels: Path) -> str:
    return labels.resolve().parent.name


def report(answers: Answers, name: str, fingerprint: str, seed: int) -> External:
    """Compute all figures from a release's predictions, with intervals over lesions."""
    weights = metrics.resampled_weights(answers.lesions, seed)
    passed = answers.in_distribution
    outcomes = Outcomes(answers.malignancy, answers.malignant, answers.origins, answers.lesions)
    point = operating_point.measure(outcomes, answers.threshold, (), seed)
    rates = metrics.rates(answers.flagged, answers.malignant, weights)
    return External(
        set=name,
        fingerprint=fingerprint,
        release=answers.manifest.version,
        model_sha256=answers.manifest.files[MODEL].sha256,
        metrics=metrics.report(answers.by_prior, answers.classes, seed),
        malignancy=Flag(
            answers.threshold,
            sensitivity=rates["sensitivity"],
            specificity=rates["specificity"],
            auc=metrics.interval(metrics.aucs(answers.malignancy, answers.malignant, weights)),
            by_origin=point.by_origin,
        ),
        calibration=reliability.report(answers, seed),
        calibration_by_origin=reliability.by_origin(answers, seed),
        subgroups=subgroups.report(answers, seed),
        in_distribution=None
        if passed is None
        else metrics.share_interval(
            metrics.means(passed, weights), weights, np.full(len(passed), True)
        ),
    )
