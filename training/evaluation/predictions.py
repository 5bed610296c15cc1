"""What a model answered for each image of a part, as CSV; and two such answers compared."""

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
    """Write one row an image: its ids, origin and true class, and the logit of each class."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for record, row in zip(records, logits, strict=True):
            scores = [f"{value:.5f}" for value in row]
            ids = [record.image_id, record.lesion_id, record.origin, record.dx]
            writer.writerow([*ids, *scores])


def read(path: Path) -> tuple[list[str], Predictions]:
    """Return image ids and what was answered for them."""
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
    """Return the logits (N, C) of the held-out parts, from the files of their names."""
    return {part: read(folder / f"{part}.csv")[1].logits for part in HELD_OUT}


def compare(first: Path, second: Path, seed: int) -> dict[str, Interval]:
    """Balanced accuracy of both, and of the second less the first by paired bootstrap over lesions.

    Raises ValueError if they are answers for different images.
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
