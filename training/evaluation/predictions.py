"""Reads, writes and compares a model's predictions for each image of a part, as CSV."""

import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lesionlens.model.figures import Interval

from ..data.dataset import CLASSES, Record
from ..data.split import HELD_OUT
from . import metrics
from .metrics import Predictions

COLUMNS = ("image_id", "lesion_id", "origin", "dx", *CLASSES)


def write(records: tuple[Record, ...], logits: NDArray[np.float64], path: Path) -> None:
    """Write a row for each image: ids, origin, true class, and the logit of each class."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for record, row in zip(records, logits, strict=True):
            scores = [f"{value:.5f}" for value in row]
            ids = [record.image_id, record.lesion_id, record.origin, record.dx]
            writer.writerow([*ids, *scores])


def read(path: Path) -> tuple[list[str], Predictions]:
    """Return image ids and their predictions."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    predicted = Predictions(
        labels=np.array([CLASSES.index(row["dx"]) for row in rows], np.int64),
        logits=np.array([[float(row[label]) for label in CLASSES] for row in rows], np.float64),
        lesions=np.array([row["lesion_id"] for row in rows]),
        origins=np.array([row["origin"] for row in rows]),
    )
    return [row["image_id"] for row in rows], predicted


def held_out(folder: Path) -> dict[str, NDArray[np.float64]]:
    """Read the (N, C) logits of the parts validation and test from ``folder``."""
    return {part: read(folder / f"{part}.csv")[1].logits for part in HELD_OUT}


def compare(first: Path, second: Path, seed: int) -> dict[str, Interval]:
    """Balanced accuracies, and second minus first by paired bootstrap over lesions.

    Raises ValueError if the predictions are for different images.
    """
    (ids, one), (others, two) = read(first), read(second)
    if ids != others:
        raise ValueError(f"{first} and {second} are answers for different images")
    weights = metrics.resampled_weights(one.lesions, seed)
    accuracies = [metrics.balanced_accuracies(predicted, weights) for predicted in (one, two)]
    return {
        "first": metrics.interval(accuracies[0]),
        "second": metrics.interval(accuracies[1]),
        "difference": metrics.interval(accuracies[1] - accuracies[0]),
    }
