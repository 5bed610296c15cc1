"""What tells a reader when not to believe the model: detector, quality limits, several views."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lesionlens.classifier import FEATURES, LOGITS
from lesionlens.preprocess import VIEWS, Preprocessing, frame, views

from . import detector, export, foreign, metrics, model, quality
from .dataset import Dataset
from .split import Split

# Training images that the detector is fitted to, at most.
FITTED_TO = 3000
VIEW_COUNTS = (1, 2, 4, len(VIEWS))

Frames = Callable[[NDArray[np.int64]], NDArray[np.uint8]]


def measure(
    data: bytes,
    dataset: Dataset,
    split: Split,
    frames: Frames,
    preprocessing: Preprocessing,
    seed: int,
) -> tuple[dict[str, Any], bytes]:
    """Return what the manifest says of the safeguards of the model ``data``, and the detector."""
    labels, validation = dataset.labels[split.validation], frames(split.validation)
    found, fitted = _in_distribution(data, dataset, split, frames, preprocessing, seed)
    return {
        "in_distribution": found,
        "quality": quality.limits(validation, labels, lambda rows: export.predict(data, rows)),
        "views": _views(data, validation, labels, dataset.lesions[split.validation], seed),
    }, fitted


def summary(found: dict[str, Any]) -> str:
    """A table for the terminal."""
    detected = found["in_distribution"]
    shares = {
        **{f"{part} images pass": detected["passed"][part] for part in detected["passed"]},
        **{
            f"{half} foreign pictures caught": detected["caught"][half]["share"]
            for half in (foreign.SEEN, foreign.UNSEEN)
        },
        **{f"{views} views": figure for views, figure in found["views"].items()},
    }
    lines = [
        f"{name:<32}{share['value']:.3f} ({share['low']:.3f} to {share['high']:.3f})"
        for name, share in shares.items()
    ]
    return "\n".join([*lines, f"limits: {found['quality']['limits']}"])


def _in_distribution(
    data: bytes,
    dataset: Dataset,
    split: Split,
    frames: Frames,
    preprocessing: Preprocessing,
    seed: int,
) -> tuple[dict[str, Any], bytes]:
    chosen = np.random.default_rng(seed).permutation(split.train)[:FITTED_TO]
    fitted = detector.fit(export.run(data, frames(np.sort(chosen)), (FEATURES,))[FEATURES])

    def scores(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return fitted.scores(export.run(data, images, (FEATURES,))[FEATURES])

    pictures = list(foreign.pictures(seed))
    side = preprocessing.size
    shown = np.stack([frame(picture.image, side, side, preprocessing) for picture in pictures])
    own = {part: scores(frames(getattr(split, part))) for part in ("validation", "test")}
    limit = detector.threshold(own["validation"])
    passed = {
        part: detector.passed(found, limit, dataset.lesions[getattr(split, part)], seed)
        for part, found in own.items()
    }
    return {
        "method": "Mahalanobis distance on principal components",
        "layers": list(model.FEATURE_LAYERS),
        "components": fitted.projection.shape[1],
        "fitted_to": len(chosen),
        "threshold": limit,
        "passed": passed,
        "caught": detector.caught(pictures, scores(shown), limit, seed),
    }, fitted.write()


def _views(
    data: bytes,
    frames: NDArray[np.uint8],
    labels: NDArray[np.int64],
    lesions: NDArray[np.str_],
    seed: int,
) -> dict[str, metrics.Interval]:
    """Balanced accuracy on validation by the number of views whose logits are averaged."""
    seen = [views(image[np.newaxis].astype(np.float32), len(VIEWS)) for image in frames]
    logits = np.stack(
        [
            export.run(data, np.concatenate([turned[view] for turned in seen]), (LOGITS,))[LOGITS]
            for view in range(len(VIEWS))
        ]
    ).astype(np.float64)
    weights = metrics.resampled_weights(lesions, seed)
    figures = {}
    for count in VIEW_COUNTS:
        judged = metrics.Judged(labels, logits[:count].mean(axis=0), lesions)
        rates = metrics.per_class_rates(metrics.confusions(judged, weights))[0]
        figures[str(count)] = metrics.interval(metrics.mean_of_defined(rates))
    return figures
