"""How much of an accuracy is due to leakage: photographs of test lesions in the training part.

One small network is trained three times: with images duplicated before the split, as many public
notebooks do; with images split at random, as in the paper; and with a split by lesion.
"""

from pathlib import Path

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from lesionlens.model.figures import Interval

from ..config import Data
from ..data.dataset import Dataset
from ..data.split import Split
from . import markdown, metrics
from .evaluate import text
from .metrics import Predictions

CLAIM = 0.97  # validation accuracy; the paper gives no balanced accuracy and no interval

# The runs by name, by decreasing leakage, with their changes to the configuration.
RUNS: dict[str, tuple[str, ...]] = {
    "images": ("data.by_lesion=false",),
    "lesions": ("data.by_lesion=true",),
    # One epoch of the oversampled images has as many steps as five epochs of the others.
    "copies": (
        "data.oversample_first=true",
        "training.sampling_power=1.0",
        "training.head_epochs=0",
        "training.stages=[{ size = 96, epochs = 1 }]",
    ),
}
# In the order of the table.
TITLES = {
    "copies": "oversampled first, then split at random",
    "images": "images split at random, then oversampled",
    "lesions": "split by lesion, then oversampled",
}
GROUPS = {
    "all": "all held-out images",
    "same_image": "of these, copies of images in training",
    "same_lesion": "of these, other photographs of lesions in training",
    "unseen": "of these, lesions that are not in training",
}


class Figures(Struct, frozen=True):
    """Figures of the held-out images of one of the `GROUPS`."""

    images: int
    lesions: int
    classes: int  # number of classes that occur
    accuracy: Interval
    balanced_accuracy: Interval


class Leakage(Struct, frozen=True):
    """Figures of one run's held-out images, grouped by their leakage from training."""

    fingerprint: str  # of the data set
    groups: dict[str, Figures]  # those of the `GROUPS` that hold an image


def kind(data: Data) -> str:
    """Name of the `RUNS` entry that a configuration corresponds to."""
    if data.oversample_first:
        return "copies"
    return "lesions" if data.by_lesion else "images"


def measure(
    dataset: Dataset, split: Split, held_out: dict[str, NDArray[np.float64]], seed: int
) -> Leakage:
    """Figures of the held-out images, grouped by their leakage from training.

    ``held_out``: uncalibrated (N, C) logits of the parts "validation" and "test"; the paper does
    not calibrate either.
    """
    indices = np.concatenate([getattr(split, part) for part in held_out])
    lesions = dataset.lesions
    predicted = Predictions(
        dataset.labels[indices],
        np.concatenate(list(held_out.values())),
        lesions[indices],
        dataset.origins[indices],
    )
    same_image = np.isin(indices, split.train)
    same_lesion = np.isin(predicted.lesions, lesions[split.train]) & ~same_image
    groups = {
        "all": np.ones(len(indices), bool),
        "same_image": same_image,
        "same_lesion": same_lesion,
        "unseen": ~same_image & ~same_lesion,
    }
    return Leakage(
        dataset.fingerprint,
        {
            name: _figures(predicted.subset(inside), seed)
            for name, inside in groups.items()
            if inside.any()
        },
    )


def _figures(predicted: Predictions, seed: int) -> Figures:
    weights = metrics.resampled_weights(predicted.lesions, seed)
    confusion = metrics.confusions(predicted, weights)
    sensitivity, _ = metrics.per_class_rates(confusion)
    return Figures(
        images=len(predicted.labels),
        lesions=len(np.unique(predicted.lesions)),
        classes=len(np.unique(predicted.labels)),
        accuracy=metrics.interval(metrics.accuracies(confusion)),
        balanced_accuracy=metrics.interval(metrics.mean_of_defined(sensitivity)),
    )


def collect(runs: Path, name: str, fingerprint: str) -> dict[str, dict[str, Figures]]:
    """Read the figures of those of the `RUNS` that exist in ``runs`` for the same data."""
    found = {}
    for run in TITLES:
        path = runs / f"paper-{run}" / name
        if path.exists():
            leakage = msgspec.json.decode(path.read_bytes(), type=Leakage)
            if leakage.fingerprint == fingerprint:
                found[run] = leakage.groups
    return found


def table(found: dict[str, dict[str, Figures]]) -> str:
    """Format the figures as a table in Markdown, for terminal, model card and README."""
    rows = [
        (
            f"{TITLES[run]}: {GROUPS[group]}",
            figures.images,
            figures.classes,
            text(figures.accuracy),
            text(figures.balanced_accuracy),
        )
        for run, groups in found.items()
        for group, figures in groups.items()
        # Without leakage, all images are unseen.
        if group == "all" or figures.images < groups["all"].images
    ]
    return markdown.table(
        ("how it was evaluated", "images", "classes", "accuracy", "balanced accuracy"),
        [("the paper's claim", "", 7, CLAIM, "not given"), *rows],
    )
