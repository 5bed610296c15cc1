"""Evidence for the model card beside the metrics, measured on the test part by the serving code."""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from lesionlens.model.classifier import Classifier
from lesionlens.model.manifest import MODEL

from ..data import decoding
from ..data.dataset import HAM10000, Record
from . import faithfulness, reliability, robustness, roc, subgroups
from .evaluate import text
from .external import External
from .faithfulness import Deletion
from .leakage import Figures
from .reliability import Reliability, UnderPrior
from .robustness import Robustness
from .roc import Curves
from .served_predictions import Answers, collect
from .subgroups import Group

# Maximum number of images in the deletion test.
DELETED_FROM = 300
# Maximum number of images of each class in the robustness test: all of the rare classes, and enough
# of the others for balanced accuracy. Every setting decodes and classifies each image again.
DEGRADED_PER_CLASS = 60


class Calibrated(Struct, frozen=True):
    """Calibration by named prior, before and after it was fitted; of malignancy also by origin."""

    before: dict[str, UnderPrior]
    after: dict[str, UnderPrior]
    by_origin: dict[str, Reliability]


class Evidence(Struct, frozen=True):
    """Evidence for the model card beside the metrics.

    Measured on HAM10000's test images, except `Calibrated.by_origin`; ``robustness`` on at most
    `DEGRADED_PER_CLASS` of each class.
    """

    model_sha256: str  # of the exported model that was measured
    calibration: Calibrated
    roc: Curves
    subgroups: dict[str, dict[str, Group]]
    robustness: Robustness
    deletion: Deletion
    # Added when the release is published.
    elsewhere: External | None = None
    paper: dict[str, dict[str, Figures]] = {}


def gather(classifier: Classifier, records: Sequence[Record], seed: int) -> Evidence:
    """Measure a release on the test part, through the serving code."""
    answers = collect(classifier, records)
    own = answers.subset(answers.origins == HAM10000)
    return Evidence(
        model_sha256=classifier.manifest.files[MODEL].sha256,
        calibration=Calibrated(
            before=reliability.report(own.uncalibrated, seed),
            after=reliability.report(own, seed),
            by_origin=reliability.by_origin(answers, seed),
        ),
        roc=roc.curves(own),
        subgroups=subgroups.report(own, seed),
        robustness=robustness.report(classifier, own.subset(_degraded(own, seed)), seed),
        deletion=_deletion(classifier, own.records, seed),
    )


def _degraded(answers: Answers, seed: int) -> NDArray[np.bool_]:
    """(N,) mask of the images in the robustness test."""
    chosen = np.zeros(len(answers.records), bool)
    random = np.random.default_rng(seed)
    for label in np.unique(answers.labels):
        members = np.flatnonzero(answers.labels == label)
        chosen[random.permutation(members)[:DEGRADED_PER_CLASS]] = True
    return chosen


def _deletion(classifier: Classifier, records: Sequence[Record], seed: int) -> Deletion:
    chosen = np.random.default_rng(seed).permutation(len(records))[:DELETED_FROM]
    some = [records[index] for index in sorted(chosen)]
    preprocessing = classifier.manifest.preprocessing
    frames = decoding.model_inputs(some, preprocessing)
    lesions = np.array([record.lesion_id for record in some])
    return faithfulness.report(classifier, frames, lesions, seed)


def summary(found: Evidence) -> str:
    """Format the evidence as a table for the terminal."""
    lines = ["calibration error on test by prior, before and after calibration"]
    for prior, after in found.calibration.after.items():
        before = found.calibration.before[prior]
        lines.extend(
            f"  {prior}, {of:<12}{text(one.calibration_error)}  {text(other.calibration_error)}"
            for of, one, other in (
                ("top label", before.top_label, after.top_label),
                ("malignancy", before.malignancy, after.malignancy),
            )
        )
    lines.append("calibration error of malignancy by origin, under its own share")
    lines.extend(
        f"  {origin:<20}{text(figures.calibration_error)}"
        for origin, figures in found.calibration.by_origin.items()
    )
    lines.append("balanced accuracy and sensitivity to malignancy on worse pictures")
    for name, figures in found.robustness.rows():
        lines.append(
            f"  {name:<16}{text(figures.balanced_accuracy)}  {text(figures.malignancy_sensitivity)}"
        )
    return "\n".join(lines)
