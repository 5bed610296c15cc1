"""Tests on the real data set, if it is available (HAM10000_DIR)."""

from pathlib import Path

import numpy as np
import pytest

from tests import releases
from training import config
from training.data import dataset, source, split
from training.data.dataset import Dataset

ROOT = Path(source.default())

pytestmark = pytest.mark.skipif(
    not ROOT.is_dir(), reason=f"HAM10000_DIR ({ROOT}) does not hold the data set"
)


@pytest.fixture(scope="module")
def ham10000() -> Dataset:
    return dataset.read(ROOT)


def test_the_published_counts(ham10000: Dataset) -> None:
    images = {label: count for label, (count, _) in dataset.distribution(ham10000).items()}
    assert images == {
        "nv": 6705,
        "mel": 1113,
        "bkl": 1099,
        "bcc": 514,
        "akiec": 327,
        "vasc": 142,
        "df": 115,
    }
    assert len(np.unique(ham10000.lesions)) == 7470


def test_the_split_by_lesion(ham10000: Dataset) -> None:
    full = config.load("full")
    parts = split.make(ham10000, full.data, full.seed)
    split.assert_no_lesion_crosses(ham10000, parts)
    shares = [len(getattr(parts, part)) / len(ham10000.records) for part in split.PARTS]
    assert shares == pytest.approx([0.76, 0.12, 0.12], abs=0.01)
    for part in split.PARTS:
        counts = np.bincount(ham10000.labels[getattr(parts, part)], minlength=7)
        assert counts.min() >= 10


ARCHIVE = Path(source.default_archive())


@pytest.mark.skipif(not ARCHIVE.is_dir(), reason=f"ISIC_ARCHIVE_DIR ({ARCHIVE}) holds no images")
def test_other_clinics_are_split_by_group_and_ham10000_as_before(ham10000: Dataset) -> None:
    archive = dataset.read_archive(ARCHIVE)
    both = dataset.combine(ham10000, archive)
    origins = config.load("origins")
    alone = split.make(ham10000, config.load("full").data, config.load("full").seed)
    parts = split.make(both, origins.data, origins.seed)
    split.assert_no_lesion_crosses(both, parts)
    shipped = releases.MANIFEST_DOCUMENT["data"]
    assert shipped["fingerprint"] == both.fingerprint
    for part in split.PARTS:
        assert shipped["split"][part]["images"] == len(getattr(parts, part))
    for part, share in zip(split.PARTS, (0.75, 0.125, 0.125), strict=True):
        found = getattr(parts, part)
        home = found < len(ham10000.records)
        np.testing.assert_array_equal(found[home], getattr(alone, part))
        assert (~home).sum() / len(archive.records) == pytest.approx(share, abs=0.01)
        assert len(np.unique(both.origins[found])) == 4
    assert not set(dataset.EXAMPLES) & {record.image_id for record in both.records}
