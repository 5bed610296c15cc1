import dataclasses
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from training import config
from training.data import dataset, split, synthetic
from training.data.dataset import HAM10000, Dataset
from training.data.split import PARTS, Split

DATA = replace(config.load("smoke").data, archive_fraction=0.25)


def test_no_lesion_crosses_and_every_image_is_in_one_part(drawn: Dataset) -> None:
    parts = split.make(drawn, DATA, seed=1)
    indices = np.concatenate([getattr(parts, part) for part in PARTS])
    assert sorted(indices) == list(range(len(drawn.records)))
    lesions = [set(drawn.lesions[getattr(parts, part)]) for part in PARTS]
    assert not lesions[0] & lesions[1]
    assert not lesions[0] & lesions[2]
    assert not lesions[1] & lesions[2]


def test_other_clinics_leave_the_split_of_ham10000_as_it_is(drawn: Dataset, tmp_path: Path) -> None:
    synthetic.write_archive(tmp_path, 96, seed=1)
    archive = dataset.read_archive(tmp_path)
    both = dataset.combine(drawn, archive)
    alone, parts = split.make(drawn, DATA, 1), split.make(both, DATA, 1)
    for part in PARTS:
        found = getattr(parts, part)
        np.testing.assert_array_equal(found[found < len(drawn.records)], getattr(alone, part), part)
        # A quarter each for validation and test, of every class and origin.
        cells = Counter((r.origin, r.dx) for r in both.subset(found) if r.origin != HAM10000)
        expected = {"train": 8, "validation": 4, "test": 4}[part]
        assert set(cells.values()) <= {expected - 1, expected, expected + 1}
        assert len(cells) == 6
    assert len(np.unique(np.concatenate([parts.train, parts.validation, parts.test]))) == 180


def test_every_part_holds_every_class(drawn: Dataset) -> None:
    parts = split.make(drawn, DATA, seed=1)
    for part in PARTS:
        assert set(drawn.labels[getattr(parts, part)]) == set(range(7))


def test_the_seed_fixes_the_split(drawn: Dataset) -> None:
    once, again, other = (split.make(drawn, DATA, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(once.test, again.test)
    assert set(once.test) != set(other.test)


def test_a_split_by_image_lets_lesions_cross(drawn: Dataset) -> None:
    parts = split.make(drawn, replace(DATA, by_lesion=False), seed=1)
    with pytest.raises(AssertionError, match="lesions stand in two parts"):
        split.assert_no_lesion_crosses(drawn, parts)


def test_a_split_is_written_and_read(drawn: Dataset, tmp_path: Path) -> None:
    parts = split.make(drawn, DATA, seed=1)
    split.write(drawn, parts, tmp_path / "split.json")
    read = split.read(drawn, tmp_path / "split.json")
    for part in PARTS:
        np.testing.assert_array_equal(getattr(read, part), getattr(parts, part))


def test_a_split_of_other_data_is_refused(drawn: Dataset, tmp_path: Path) -> None:
    split.write(drawn, split.make(drawn, DATA, seed=1), tmp_path / "split.json")
    other = dataclasses.replace(drawn, fingerprint="f" * 64)
    with pytest.raises(ValueError, match=r"was made for the data set .* this one is ffff"):
        split.read(other, tmp_path / "split.json")


def test_a_planted_crossing_is_found(drawn: Dataset) -> None:
    parts = split.make(drawn, DATA, seed=1)
    spoilt = Split(parts.train, np.append(parts.validation, parts.train[0]), parts.test)
    with pytest.raises(AssertionError, match="1 lesions stand in two parts"):
        split.assert_no_lesion_crosses(drawn, spoilt)


def test_oversampled_first_the_parts_share_copies_of_images(drawn: Dataset) -> None:
    rare = np.flatnonzero(drawn.labels == 0)[:2]
    few = dataclasses.replace(
        drawn,
        records=drawn.subset(np.union1d(rare, np.flatnonzero(drawn.labels > 0))),
    )
    data = replace(DATA, oversample_first=True)
    parts = split.make(few, data, seed=1)
    everything = np.concatenate([parts.train, parts.validation, parts.test])
    # Every class is as frequent as the largest, and no image is lost.
    assert np.bincount(few.labels[everything]).tolist() == [12] * 7
    assert np.unique(everything).tolist() == list(range(len(few.records)))
    copied = np.intersect1d(parts.train, parts.test)
    assert (few.labels[copied] == 0).all()
    assert len(copied) > 0
