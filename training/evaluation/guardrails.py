"""What tells a reader when not to believe the model: detector, quality limits, several views."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lesionlens.imaging.preprocess import VIEWS, Preprocessing, views
from lesionlens.model.classifier import FEATURES

from ..data import decoding, ood_images
from ..data.dataset import Dataset
from ..data.split import HELD_OUT, Split
from ..learning import mobilenet
from ..releasing import export
from . import metrics, ood_fit, quality_limits

# Training images that the detector is fitted to, at most.
FITTED_TO = 3000
VIEW_COUNTS = (1, 2, 4, len(VIEWS))


@dataclass(frozen=True)
class Subject:
    """An exported model, and the images that its safeguards are fitted to and measured on."""

    model: bytes  # LiteRT
    preprocessing: Preprocessing
    dataset: Dataset
    split: Split
    seed: int

    def frames(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        """(N, S, S, 3): images of the data set as serving would see them."""
        return decoding.squares(self.dataset.subset(indices), self.preprocessing)

    def features(self, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(N, F): what the detector reads of (N, S, S, 3) frames."""
        return export.run(self.model, frames, (FEATURES,))[FEATURES]


def measure(subject: Subject) -> tuple[dict[str, Any], bytes]:
    """Return what the manifest says of a model's safeguards, and the detector."""
    chosen = subject.split.validation
    labels, validation = subject.dataset.labels[chosen], subject.frames(chosen)
    found, fitted = _in_distribution(subject)
    return {
        "in_distribution": found,
        "quality": quality_limits.limits(
            validation, labels, lambda frames: export.predict(subject.model, frames)
        ),
        "views": _views(subject, validation),
    }, fitted


def fitted_to(split: Split, seed: int) -> NDArray[np.int64]:
    """Indices of the training images that a detector is fitted to, ascending."""
    return np.sort(np.random.default_rng(seed).permutation(split.train)[:FITTED_TO])


def summary(found: dict[str, Any]) -> str:
    """A table for the terminal."""
    detected = found["in_distribution"]
    shares = {
        **{f"{part} images pass": detected["passed"][part] for part in detected["passed"]},
        **{
            f"{half} foreign pictures caught": detected["caught"][half]["share"]
            for half in (ood_images.SEEN, ood_images.UNSEEN)
        },
        **{f"{views} views": figure for views, figure in found["views"].items()},
    }
    lines = [
        f"{name:<32}{share['value']:.3f} ({share['low']:.3f} to {share['high']:.3f})"
        for name, share in shares.items()
    ]
    return "\n".join([*lines, f"limits: {found['quality']['limits']}"])


def _in_distribution(subject: Subject) -> tuple[dict[str, Any], bytes]:
    split, seed = subject.split, subject.seed
    chosen = fitted_to(split, seed)
    fitted = ood_fit.fit(subject.features(subject.frames(chosen)))

    def scores(frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        return fitted.scores(subject.features(frames))

    pictures = list(ood_images.pictures(seed))
    shown = ood_images.frames(pictures, subject.preprocessing)
    own = {part: scores(subject.frames(getattr(split, part))) for part in HELD_OUT}
    limit = ood_fit.threshold(own["validation"])
    passed = {
        part: ood_fit.passed(found, limit, subject.dataset.lesions[getattr(split, part)], seed)
        for part, found in own.items()
    }
    return {
        "method": "Mahalanobis distance on principal components",
        "layers": list(mobilenet.FEATURE_LAYERS),
        "components": fitted.projection.shape[1],
        "fitted_to": len(chosen),
        "threshold": limit,
        "passed": passed,
        "caught": ood_fit.caught(pictures, scores(shown), limit, seed),
    }, fitted.write()


def _views(subject: Subject, validation: NDArray[np.uint8]) -> dict[str, metrics.Interval]:
    """Balanced accuracy by the number of views of ``validation``'s frames that are averaged."""
    seen = [views(image[np.newaxis].astype(np.float32), len(VIEWS)) for image in validation]
    logits = np.stack(
        [
            export.predict(subject.model, np.concatenate([turned[view] for turned in seen]))
            for view in range(len(VIEWS))
        ]
    )
    labels = subject.dataset.labels[subject.split.validation]
    lesions = subject.dataset.lesions[subject.split.validation]
    origins = subject.dataset.origins[subject.split.validation]
    weights = metrics.resampled_weights(lesions, subject.seed)
    figures = {}
    for count in VIEW_COUNTS:
        predicted = metrics.Predictions(labels, logits[:count].mean(axis=0), lesions, origins)
        figures[str(count)] = metrics.interval(metrics.balanced_accuracies(predicted, weights))
    return figures
