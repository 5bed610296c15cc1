"""Reads, writes and compares a model's predictions for each image of a part, as CSV."""

import csv
import dataclasses
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lesionlens.model.figures import Interval

from ..data.dataset import CLASSES, HAM10000, Record
from ..data.split import HELD_OUT
from . import metrics
from .metrics import Predictions, Weights

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


def compare(first: Path, second: Path, seed: int) -> dict[str, dict[str, Interval]]:
    """Balanced accuracy and log losses of two models, of their mean logits, and the difference.

    The difference is second minus first, by paired bootstrap over lesions. Raises ValueError if the
    predictions are for different images.
    """
    (ids, one), (others, two) = read(first), read(second)
    if ids != others:
        raise ValueError(f"{first} and {second} are answers for different images")
    weights = metrics.resampled_weights(one.lesions, seed)
    both = dataclasses.replace(one, logits=(one.logits + two.logits) / 2)
    own = one.origins == HAM10000
    groups = {"all": np.full(len(own), True), HAM10000: own, "elsewhere": ~own}
    found = {}
    for name, inside in groups.items():
        if not inside.any():
            continue
        measured = [_figures(each.subset(inside), weights[:, inside]) for each in (one, two, both)]
        for figure in measured[0]:
            a, b, mean = (figures[figure] for figures in measured)
            found[f"{figure}, {name}"] = {
                "first": metrics.interval(a),
                "second": metrics.interval(b),
                "difference": metrics.interval(b - a),
                "mean of both": metrics.interval(mean),
            }
    return found


def _figures(predicted: Predictions, weights: Weights) -> dict[str, NDArray[np.float64]]:
    return {
        "log loss": metrics.log_losses(predicted.labels, predicted.logits, weights),
        "balanced accuracy": metrics.balanced_accuracies(predicted, weights),
    }
