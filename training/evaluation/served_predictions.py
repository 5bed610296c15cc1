"""Predictions of the serving code for labelled images: decoded, run and calibrated by it."""

import dataclasses
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import msgspec
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lesionlens.imaging.preprocess import tensor
from lesionlens.model.classifier import Classifier, Outputs
from lesionlens.model.manifest import DATASET, PRIORS, UNIFORM, Manifest
from lesionlens.model.manifest_sections import Calibration
from lesionlens.model.posterior import (
    is_malignant,
    malignant_share,
    named_prior,
    posterior,
    prior_of_prevalence,
    scaled,
)
from lesionlens.model.release import CURRENT, load
from lesionlens.model.storage import open_store

from ..data import decoding
from ..data.dataset import Record
from .metrics import Predictions

# Maps an upright RGB image and its index to the image to classify in its place.
Change = Callable[[Image.Image, int], Image.Image]


@dataclass(frozen=True)
class Answers:
    """N labelled images with a release's predictions."""

    records: tuple[Record, ...]
    manifest: Manifest
    logits: NDArray[np.float64]  # (N, C), uncalibrated
    in_distribution: NDArray[np.bool_] | None = None  # (N,); None: no detector

    @property
    def classes(self) -> tuple[str, ...]:
        """Labels in the order of logits and probabilities."""
        return self.manifest.classes

    @property
    def threshold(self) -> float:
        """Probability of malignancy at and above which a lesion is flagged."""
        return self.manifest.malignancy.threshold

    @cached_property
    def labels(self) -> NDArray[np.int64]:
        """(N,) indices of the true classes."""
        return np.array([self.classes.index(record.dx) for record in self.records], np.int64)

    @cached_property
    def lesions(self) -> NDArray[np.str_]:
        """(N,) lesion ids."""
        return np.array([record.lesion_id for record in self.records])

    @cached_property
    def origins(self) -> NDArray[np.str_]:
        """(N,) names of the clinics or collections."""
        return np.array([record.origin for record in self.records])

    @cached_property
    def malignant(self) -> NDArray[np.bool_]:
        """(N,) whether the true class is malignant."""
        return is_malignant(self.classes)[self.labels]

    def probabilities(self, prior: str = DATASET) -> NDArray[np.float64]:
        """(N, C) probabilities under a named prior."""
        shares = named_prior(self.manifest, prior).shares
        return posterior(self.logits, self.manifest.calibration, shares)

    def malignancy_at(self, prevalence: float) -> NDArray[np.float64]:
        """(N,) probability of malignancy at a given prevalence of malignant lesions."""
        shares = prior_of_prevalence(self.manifest, prevalence).shares
        return malignant_share(
            posterior(self.logits, self.manifest.calibration, shares), self.classes
        )

    @cached_property
    def malignancy(self) -> NDArray[np.float64]:
        """(N,) probability of malignancy under the default prior, which the flag uses."""
        return malignant_share(self.probabilities(), self.classes)

    @cached_property
    def flagged(self) -> NDArray[np.bool_]:
        """(N,) whether the flag of malignancy is set."""
        return np.asarray(self.malignancy >= self.threshold)

    def under(self, prior: str) -> Predictions:
        """Predictions for `metrics`, with logits under a named prior."""
        shares = named_prior(self.manifest, prior).shares
        logits = scaled(self.logits, self.manifest.calibration) + np.log(shares)
        return Predictions(self.labels, logits, self.lesions, self.origins)

    @cached_property
    def predicted(self) -> Predictions:
        """Predictions under the uniform prior, the one for balanced accuracy."""
        return self.under(UNIFORM)

    @property
    def by_prior(self) -> dict[str, Predictions]:
        """The predictions under each named prior."""
        return {prior: self.under(prior) for prior in PRIORS}

    def subset(self, chosen: NDArray[np.bool_]) -> "Answers":
        """Select images by a mask (N,)."""
        passed = self.in_distribution
        return dataclasses.replace(
            self,
            records=tuple(self.records[index] for index in np.flatnonzero(chosen)),
            logits=self.logits[chosen],
            in_distribution=None if passed is None else passed[chosen],
        )

    @property
    def uncalibrated(self) -> "Answers":
        """The same predictions without calibration."""
        count = len(self.classes)
        neutral = Calibration("none", scales=(1.0,) * count, offsets=(0.0,) * count)
        manifest = msgspec.structs.replace(self.manifest, calibration=neutral)
        return dataclasses.replace(self, manifest=manifest)


def released(store: str, version: str | None) -> Classifier:
    """Return the classifier of a version in the store, or of its current one, on all cores.

    Raises ReleaseError and StorageError.
    """
    return Classifier(load(open_store(store), version or CURRENT), os.cpu_count() or 1)


def collect(
    classifier: Classifier, records: Sequence[Record], change: Change | None = None
) -> Answers:
    """Classify the images of ``records``, altered by ``change`` if given.

    Raises DatasetError, which lists every file that serving would refuse.
    """
    preprocessing = classifier.manifest.preprocessing

    def outputs(image: Image.Image, index: int) -> Outputs:
        if change is not None:
            image = change(image, index)
        return classifier.run(tensor(image, preprocessing))

    found = decoding.each_image(outputs, records, "judging")
    logits = np.array([row.logits for row in found], np.float64)
    recognized = [classifier.recognize(row) for row in found]
    known = [one.in_distribution for one in recognized if one is not None]
    passed = np.array(known) if len(known) == len(found) else None
    return Answers(tuple(records), classifier.manifest, logits, passed)
