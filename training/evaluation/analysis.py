"""What the model card shows beside the metrics, measured on the test part and as served."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from lesionlens.model.classifier import Classifier
from lesionlens.model.manifest import MODEL

from ..data import decoding
from ..data.dataset import Record
from . import faithfulness, reliability, robustness, roc, subgroups
from .evaluate import text
from .served_predictions import collect

# Images that the deletion test is made on, at most.
DELETED_FROM = 300


def gather(classifier: Classifier, records: Sequence[Record], seed: int) -> dict[str, Any]:
    """Return calibration before and after, ROC curves, subgroups and robustness.

    ``model_sha256`` tells of which model; what else there is to show (`elsewhere`, `paper`) joins
    it when the release is made.
    """
    answers = collect(classifier, records)
    return {
        "model_sha256": classifier.manifest.files[MODEL].sha256,
        "calibration": {
            "before": reliability.report(answers.uncalibrated, seed),
            "after": reliability.report(answers, seed),
        },
        "roc": roc.curves(answers),
        "subgroups": subgroups.report(answers, seed),
        "robustness": robustness.report(classifier, answers, seed),
        "deletion": _deletion(classifier, records, seed),
    }


def _deletion(classifier: Classifier, records: Sequence[Record], seed: int) -> dict[str, Any]:
    chosen = np.random.default_rng(seed).permutation(len(records))[:DELETED_FROM]
    some = [records[index] for index in sorted(chosen)]
    preprocessing = classifier.manifest.preprocessing
    frames = decoding.squares(some, preprocessing)
    lesions = np.array([record.lesion_id for record in some])
    return faithfulness.report(classifier, frames, lesions, seed)


def summary(found: dict[str, Any]) -> str:
    """A table for the terminal."""
    lines = ["calibration error on test, before and after"]
    for of in ("top_label", "malignancy"):
        before, after = (
            text(found["calibration"][when][of]["calibration_error"])
            for when in ("before", "after")
        )
        lines.append(f"  {of:<16}{before}  {after}")
    lines.append("balanced accuracy and sensitivity to malignancy on worse pictures")
    for name, figures in robustness.rows(found["robustness"]):
        lines.append(
            f"  {name:<16}{text(figures['balanced_accuracy'])}  "
            f"{text(figures['malignancy_sensitivity'])}"
        )
    return "\n".join(lines)
