"""Splits a data set into train, validation and test: by lesion, stratified by class, seeded.

HAM10000 is split by itself, so that its parts do not depend on other training data. Images of other
clinics are split by group, stratified by class and origin.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold, train_test_split

from ..config import Data
from .dataset import HAM10000, Dataset

PARTS = ("train", "validation", "test")
# The parts that a model is not trained on.
HELD_OUT = PARTS[1:]


@dataclass(frozen=True)
class Split:
    """Ascending indices into the data set's records; repeated only with ``oversample_first``."""

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]


def make(dataset: Dataset, data: Data, seed: int) -> Split:
    """Split the data set; all images of a lesion are in the same part.

    With ``data.by_lesion`` false, images are split at random, as in the paper: the parts then share
    lesions, which inflates the figures. With ``data.oversample_first`` they also share images.
    """
    from_ham = dataset.origins == HAM10000
    if from_ham.all():
        return _make(dataset, data, seed)
    ham, archive = np.flatnonzero(from_ham), np.flatnonzero(~from_ham)
    parts = _make(Dataset(dataset.subset(ham), dataset.fingerprint), data, seed)
    others = _by_group(Dataset(dataset.subset(archive), dataset.fingerprint), data, seed)
    split = Split(
        *(
            np.concatenate([ham[getattr(parts, part)], archive[getattr(others, part)]])
            for part in PARTS
        )
    )
    if data.by_lesion:
        assert_no_lesion_crosses(dataset, split)
    return split


def _by_group(dataset: Dataset, data: Data, seed: int) -> Split:
    """Hold out whole groups: ``data.archive_fraction`` for validation, and as much for test."""
    strata = np.char.add(np.char.add(dataset.origins, "/"), dataset.labels.astype(str))
    folds = StratifiedGroupKFold(round(1 / data.archive_fraction), shuffle=True, random_state=seed)
    held_out = [fold for _, fold in folds.split(strata, strata, dataset.lesions)]
    validation, test, *rest = held_out
    return Split(np.sort(np.concatenate(rest)), np.sort(validation), np.sort(test))


def _make(dataset: Dataset, data: Data, seed: int) -> Split:
    if data.oversample_first:
        pool = _oversampled(dataset.labels)
        places = _draw_parts(np.arange(len(pool)), dataset.labels[pool], data, seed)
        return Split(*(np.sort(pool[part]) for part in places))
    groups = dataset.lesions if data.by_lesion else np.arange(len(dataset.records)).astype(str)
    units, first, unit_of = np.unique(groups, return_index=True, return_inverse=True)
    drawn = _draw_parts(np.arange(len(units)), dataset.labels[first], data, seed)
    parts = (np.flatnonzero(np.isin(unit_of, part)) for part in drawn)
    split = Split(*parts)
    if data.by_lesion:
        assert_no_lesion_crosses(dataset, split)
    return split


def _draw_parts(
    units: NDArray[np.int64], classes: NDArray[np.int64], data: Data, seed: int
) -> tuple[NDArray[np.int64], ...]:
    """Split ``units`` (U,) into train, validation and test, stratified by their classes (U,)."""
    rest, test = train_test_split(
        units, test_size=data.test_fraction, stratify=classes, random_state=seed
    )
    train, validation = train_test_split(
        rest,
        test_size=data.validation_fraction / (1 - data.test_fraction),
        stratify=classes[rest],
        random_state=seed,
    )
    return train, validation, test


def _oversampled(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Indices with images repeated until every class is as frequent as the largest."""
    members = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    largest = max(len(images) for images in members)
    return np.concatenate([np.resize(images, largest) for images in members])


def assert_no_lesion_crosses(dataset: Dataset, split: Split) -> None:
    """Raise AssertionError if images of one lesion are in several parts."""
    parts = [set(dataset.lesions[getattr(split, part)]) for part in PARTS]
    crossing = (parts[0] & parts[1]) | (parts[0] & parts[2]) | (parts[1] & parts[2])
    if crossing:
        raise AssertionError(f"{len(crossing)} lesions stand in two parts, first {min(crossing)}")


def differ(one: Split, other: Split) -> bool:
    """Whether any image is in different parts."""
    return any(not np.array_equal(getattr(one, part), getattr(other, part)) for part in PARTS)


def write(dataset: Dataset, split: Split, path: Path) -> None:
    """Write the image ids of each part and the fingerprint of the data set as JSON."""
    ids = {part: [r.image_id for r in dataset.subset(getattr(split, part))] for part in PARTS}
    path.write_text(json.dumps({"fingerprint": dataset.fingerprint, **ids}, indent=0) + "\n")


def read(dataset: Dataset, path: Path) -> Split:
    """Read the file of `write`. Raises ValueError if it is of another data set."""
    tree = json.loads(path.read_text())
    if tree["fingerprint"] != dataset.fingerprint:
        raise ValueError(
            f"{path} was made for the data set {tree['fingerprint'][:16]}, "
            f"this one is {dataset.fingerprint[:16]}"
        )
    position = {record.image_id: index for index, record in enumerate(dataset.records)}
    return Split(*(np.array([position[i] for i in tree[part]], np.int64) for part in PARTS))
