"""What serving answers for images of known truth: decoded, run and calibrated by its own code."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lesionlens.imaging.preprocess import tensor
from lesionlens.model import result
from lesionlens.model.classifier import Classifier, Outputs
from lesionlens.model.diagnoses import TAXONOMY
from lesionlens.model.manifest import DECISION, Manifest

from ..data import decoding
from ..data.dataset import Record
from .metrics import Predictions, softmax

# From an upright RGB image and its place among the images to what is judged in its stead.
Change = Callable[[Image.Image, int], Image.Image]


@dataclass(frozen=True)
class Answers:
    """N images of known truth, and what was answered for each."""

    records: tuple[Record, ...]
    classes: tuple[str, ...]  # in the order of logits and probabilities
    logits: NDArray[np.float64]  # (N, C) as the model gives them
    shares: NDArray[np.float64]  # (N, C) calibrated probabilities
    malignancy: NDArray[np.float64]  # (N,) probability
    threshold: float  # of the malignancy flag
    in_distribution: NDArray[np.bool_] | None = None  # (N,); None: the release cannot tell

    @cached_property
    def labels(self) -> NDArray[np.int64]:
        """(N,) indices of the true classes."""
        return np.array([self.classes.index(record.dx) for record in self.records], np.int64)

    @cached_property
    def lesions(self) -> NDArray[np.str_]:
        return np.array([record.lesion_id for record in self.records])

    @cached_property
    def malignant(self) -> NDArray[np.bool_]:
        return np.array([TAXONOMY[record.dx].malignant for record in self.records])

    @cached_property
    def flagged(self) -> NDArray[np.bool_]:
        return np.asarray(self.malignancy >= self.threshold)

    @cached_property
    def predicted(self) -> Predictions:
        """For `metrics`: the logarithms of the probabilities stand for calibrated logits."""
        logits = np.log(np.maximum(self.shares, np.finfo(np.float64).tiny))
        return Predictions(self.labels, logits, self.lesions)

    @cached_property
    def uncalibrated(self) -> "Answers":
        """What would be answered without calibration: the softmax of the logits."""
        shares = softmax(self.logits)
        malignancy = shares @ [TAXONOMY[label].malignant for label in self.classes]
        return dataclasses.replace(self, shares=shares, malignancy=malignancy)


def of_logits(
    records: Sequence[Record],
    logits: NDArray[np.float64],
    manifest: Manifest,
    in_distribution: NDArray[np.bool_] | None = None,
) -> Answers:
    """What a release answers where its model gives (N, C) ``logits``."""
    mapping = manifest.malignancy
    odds = result.malignant_log_odds(
        logits, manifest.classes, manifest.calibrations[mapping.calibration]
    )
    return Answers(
        records=tuple(records),
        classes=manifest.classes,
        logits=logits,
        shares=result.probabilities(logits, manifest.calibrations[DECISION]),
        malignancy=result.malignancy(odds, mapping),
        threshold=mapping.threshold,
        in_distribution=in_distribution,
    )


def collect(
    classifier: Classifier, records: Sequence[Record], change: Change | None = None
) -> Answers:
    """Classify the files of some records; with ``change``, what it makes of each image.

    Raises DatasetError that lists every file that serving refuses.
    """
    preprocessing = classifier.manifest.preprocessing

    def outputs(image: Image.Image, index: int) -> Outputs:
        if change is not None:
            image = change(image, index)
        return classifier.run(tensor(image, preprocessing))

    found = decoding.each_image(outputs, records, "judging")
    logits = np.array([row.logits for row in found], np.float64)
    distances = np.array([classifier.distance(row) for row in found], np.float64)
    limit = classifier.manifest.in_distribution_threshold
    passed = None if limit is None else distances <= limit
    return of_logits(records, logits, classifier.manifest, passed)
