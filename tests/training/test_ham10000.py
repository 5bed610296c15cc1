"""What holds on the real data set, where it is at hand (HAM10000_DIR)."""

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


def test_the_split_of_the_shipped_release(ham10000: Dataset) -> None:
    full = config.load("full")
    parts = split.make(ham10000, full.data, full.seed)
    split.assert_no_lesion_crosses(ham10000, parts)
    shares = [len(getattr(parts, part)) / len(ham10000.records) for part in split.PARTS]
    assert shares == pytest.approx([0.76, 0.12, 0.12], abs=0.01)
    data = releases.MANIFEST_DOCUMENT["data"]
    assert data["fingerprint"] == ham10000.fingerprint
    for part in split.PARTS:
        assert data["split"][part]["images"] == len(getattr(parts, part))
    for part in split.PARTS:
        counts = np.bincount(ham10000.labels[getattr(parts, part)], minlength=7)
        assert counts.min() >= 10
