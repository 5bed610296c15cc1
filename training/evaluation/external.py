"""A labelled set of any origin: a folder of images and a table of what they show."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lesionlens.model.classifier import Classifier
from lesionlens.model.manifest import MODEL

from ..data import image_files
from ..data.dataset import Dataset, DatasetError, parse, rows
from . import isic, metrics, reliability, subgroups
from .evaluate import summary, text
from .served_predictions import Answers, collect

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".avif", ".heic")


@dataclass(frozen=True)
class ExternalEvaluation:
    """A release's figures on a labelled set, for JSON, and what they were made of."""

    document: dict[str, Any]
    answers: Answers

    def write(self, path: Path) -> None:
        """Write the figures to ``path``, and the answers beside it as the ISIC challenge's CSV."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.document, indent=1) + "\n")
        ids = [record.image_id for record in self.answers.records]
        isic.write(ids, self.answers.shares, self.answers.classes, path.with_suffix(".csv"))

    def table(self) -> str:
        """A table for the terminal."""
        document = self.document
        flag, errors = document["malignancy"], document["calibration"]
        passed = document["in_distribution"]
        lines = {
            "malignancy flag": f"sensitivity {text(flag['sensitivity'])}"
            f"  specificity {text(flag['specificity'])}",
            "calibration error": text(errors["top_label"]["calibration_error"]),
            "  of malignancy": text(errors["malignancy"]["calibration_error"]),
            "in distribution": text(passed) if passed else "the release cannot tell",
        }
        return "\n".join(
            [
                f"release {document['release']}",
                summary({"metrics": {document["set"]: document["metrics"]}}),
                *(f"  {name:<18}{figure}" for name, figure in lines.items()),
            ]
        )


def read(images: Path, labels: Path) -> Dataset:
    """Read ``images``, a folder, and ``labels``, a table with at least image_id and dx, or one-hot.

    Without a lesion_id every image is a lesion of its own. Raises DatasetError.
    """
    if not images.is_dir():
        raise DatasetError([f"{images} is no folder of images"])
    if not labels.is_file():
        raise DatasetError([f"{labels} is no table of labels"])
    table = rows(labels, ("image_id", "dx"))
    for row in table:
        row["lesion_id"] = row.get("lesion_id") or row["image_id"]
    files = image_files.find(images, SUFFIXES)
    return parse(table, files, image_files.looked_for(images, SUFFIXES, len(files)))


def judge(classifier: Classifier, images: Path, labels: Path, seed: int) -> ExternalEvaluation:
    """Judge a release on a labelled set. Raises DatasetError."""
    data = read(images, labels)
    answers = collect(classifier, data.records)
    document = {
        "set": labels.resolve().parent.name,
        "fingerprint": data.fingerprint,
        "release": classifier.manifest.version,
        "model_sha256": classifier.manifest.files[MODEL].sha256,
        **report(answers, seed),
    }
    return ExternalEvaluation(document, answers)


def report(answers: Answers, seed: int) -> dict[str, Any]:
    """All figures of merit of a release's answers, with intervals over lesions."""
    weights = metrics.resampled_weights(answers.lesions, seed)
    passed = answers.in_distribution
    return {
        "metrics": metrics.report(answers.predicted, answers.classes, seed),
        "malignancy": {
            "threshold": answers.threshold,
            **metrics.rates(answers.flagged, answers.malignant, weights),
        },
        "calibration": reliability.report(answers, seed),
        "subgroups": subgroups.report(answers, seed),
        # None: the release has no detector of foreign images.
        "in_distribution": None
        if passed is None
        else metrics.interval(metrics.means(passed, weights)),
    }
