"""Safeguards of a release: the out-of-distribution detector, quality limits, averaged views."""

import hashlib
from dataclasses import dataclass

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from lesionlens.imaging.model_input import VIEWS, Preprocessing, views
from lesionlens.model import ood
from lesionlens.model.classifier import FEATURES
from lesionlens.model.figures import Interval
from lesionlens.model.manifest_sections import Calibration, InDistribution, Quality
from lesionlens.model.posterior import scaled

from ..data import decoding, kinds
from ..data.close_ups import CloseUp
from ..data.dataset import HAM10000, Dataset
from ..data.kinds import Picture
from ..data.split import Split
from ..learning import mobilenet
from . import evaluate, inference, metrics, ood_report, quality_limits
from .ood_fit import Fitted, Shown
from .ood_report import Share

VIEW_COUNTS = (1, 2, 4, len(VIEWS))
# One in this many pictures is tested with equalized resolution, shape and compression.
EQUALIZED_EVERY = 3


@dataclass(frozen=True)
class Subject:
    """An exported model, and the images to fit and evaluate its safeguards on."""

    model: bytes  # LiteRT
    preprocessing: Preprocessing
    dataset: Dataset
    split: Split
    close_ups: tuple[CloseUp, ...]
    calibration: Calibration
    seed: int

    def frames(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        """(N, S, S, 3): images of the data set as preprocessed by serving."""
        return decoding.model_inputs(self.dataset.subset(indices), self.preprocessing)

    def features(self, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(N, F): the detector's features of (N, S, S, 3) frames."""
        return inference.run(self.model, frames, (FEATURES,))[FEATURES]


class Safeguards(Struct, frozen=True):
    """Result of the stage safeguard, for the manifest."""

    model_sha256: str  # of the exported model that was measured
    in_distribution: InDistribution
    quality: Quality
    views: dict[str, Interval]  # balanced accuracy on test by number of views


class Equalized(Struct, frozen=True):
    """Shares for pictures of equal side (pixels) and JPEG quality."""

    side: int
    quality: int
    dermatoscopic_accepted: Share
    close_ups_refused: Share


class DetectorReport(ood_report.Report, frozen=True):
    """The detector's figures in the manifest (`InDistribution.report`)."""

    taught: dict[str, int]  # training pictures by kind
    equalized: Equalized
    skin_tones: dict[str, dict[str, Share]]  # close-ups refused, by origin left out and tone


def measure(subject: Subject) -> tuple[Safeguards, bytes]:
    """Return the manifest's entries on a model's safeguards, and the detector's file."""
    chosen = subject.split.validation
    labels, validation = subject.dataset.labels[chosen], subject.frames(chosen)
    found, fitted = _in_distribution(subject)
    safeguards = Safeguards(
        model_sha256=hashlib.sha256(subject.model).hexdigest(),
        in_distribution=found,
        quality=quality_limits.limits(
            validation,
            labels,
            lambda frames: inference.predict(subject.model, frames),
            lambda frames: fitted.accepts(subject.features(frames)),
            subject.seed,
        ),
        views=_views(subject),
    )
    return safeguards, fitted.detector.write()


def summary(found: Safeguards) -> str:
    """Format the result as a table for the terminal."""
    detected = msgspec.convert(found.in_distribution.report, DetectorReport)
    groups = {
        "accepted": detected.dermatoscopic_accepted,
        "accepted, left out": detected.left_out.dermatoscopic_accepted,
        "close-ups refused, left out": detected.left_out.close_ups_refused,
        "other pictures refused": detected.other_refused,
    }
    shares = {
        f"{title}: {name} ({entry.pictures})": entry.share
        for title, entries in groups.items()
        for name, entry in entries.items()
    } | {f"{views} views": figure for views, figure in found.views.items()}
    lines = [f"{name:<64}{evaluate.text(figure)}" for name, figure in shares.items()]
    return "\n".join([*lines, f"limits: {found.quality.limits}"])


def _in_distribution(subject: Subject) -> tuple[InDistribution, Fitted]:
    preprocessing = subject.preprocessing
    pictures = kinds.pictures(subject.dataset, subject.split, subject.close_ups, subject.seed)
    material = kinds.material(pictures, preprocessing)
    features = subject.features(material.frames)
    shown = ood_report.shown(pictures, features, material.altered, material.framed)
    fitted = ood_report.fit(shown)
    report, refused = ood_report.report(shown, fitted)
    detailed = DetectorReport(
        report.dermatoscopic_accepted,
        report.other_refused,
        report.missed,
        report.left_out,
        taught={
            kind: sum(picture.kind == kind for picture in material.altered) for kind in ood.KINDS
        },
        equalized=_equalized(subject, pictures, fitted),
        skin_tones=_skin_tones(shown, material.frames[: len(pictures)], refused),
    )
    in_distribution = InDistribution(
        method="softmax regression on three kinds, and Mahalanobis distance",
        layers=tuple(mobilenet.FEATURE_LAYERS),
        components=fitted.detector.projection.shape[1],
        fitted_to=len(material.altered),
        threshold=fitted.farthest,
        log_odds=fitted.least_log_odds,
        report=msgspec.to_builtins(detailed),
    )
    return in_distribution, fitted


def _equalized(subject: Subject, pictures: list[Picture], fitted: Fitted) -> Equalized:
    """Evaluate the detector on pictures that differ in content only, not in format."""
    evaluated = [
        picture
        for picture in pictures
        if picture.kind == ood.CLOSE_UP
        or (picture.kind == ood.DERMATOSCOPIC and picture.part == kinds.TEST)
    ][::EQUALIZED_EVERY]
    preprocessing = subject.preprocessing
    frames = kinds.frames(evaluated, preprocessing, kinds.equalizing(preprocessing))
    shown = ood_report.shown(evaluated, subject.features(frames))
    accepted, dermatoscopic = fitted.accepts(shown.features), shown.kinds == ood.DERMATOSCOPIC
    return Equalized(
        side=kinds.EQUAL_SIDE,
        quality=kinds.EQUAL_QUALITY,
        dermatoscopic_accepted=ood_report.share(accepted, shown, dermatoscopic),
        close_ups_refused=ood_report.share(~accepted, shown, ~dermatoscopic),
    )


def _skin_tones(
    shown: Shown, frames: NDArray[np.uint8], refused: NDArray[np.bool_]
) -> dict[str, dict[str, Share]]:
    """Share of close-ups refused by leave-one-origin-out, by origin and skin tone."""
    close = np.flatnonzero(shown.kinds[: len(frames)] == ood.CLOSE_UP)
    named = ood_report.tones(frames[close])
    found: dict[str, dict[str, Share]] = {}
    for origin in np.unique(shown.origins[close]):
        found[str(origin)] = {}
        for tone in ood_report.TONES:
            among = np.zeros(len(shown.kinds), bool)
            among[close[(named == tone) & (shown.origins[close] == origin)]] = True
            if among.any():
                found[str(origin)][tone] = ood_report.share(refused, shown, among)
    return found


def _views(subject: Subject) -> dict[str, Interval]:
    """Balanced accuracy on HAM10000's test images by the number of averaged views, calibrated."""
    data, test = subject.dataset, subject.split.test
    test = test[data.origins[test] == HAM10000]
    seen = views(subject.frames(test), len(VIEWS))
    logits = np.stack([inference.predict(subject.model, frames) for frames in seen])
    weights = metrics.resampled_weights(data.lesions[test], subject.seed)
    figures = {}
    for count in VIEW_COUNTS:
        predicted = metrics.Predictions(
            data.labels[test],
            scaled(logits[:count].mean(axis=0), subject.calibration),
            data.lesions[test],
            data.origins[test],
        )
        figures[str(count)] = metrics.interval(metrics.balanced_accuracies(predicted, weights))
    return figures
