from pathlib import Path

import numpy as np
import pytest

from lesionlens.model import release
from lesionlens.model.classifier import Classifier
from lesionlens.model.file_store import FileStore
from tests.conftest import RELEASES
from training.data import dataset, synthetic
from training.data.dataset import Dataset
from training.learning.batches import Examples

IMAGES = 84


@pytest.fixture(scope="session")
def drawings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in HAM10000's layout with 84 synthetic images of 42 lesions."""
    root = tmp_path_factory.mktemp("drawings")
    synthetic.write(root, IMAGES, seed=5)
    return root


@pytest.fixture(scope="session")
def drawn(drawings: Path) -> Dataset:
    return dataset.read(drawings)


@pytest.fixture(scope="session")
def examples() -> Examples:
    """64 training images of noise from two origins, and 32 for validation."""
    random = np.random.default_rng(0)
    frames = random.integers(0, 255, (96, 64, 80, 3)).astype(np.uint8)
    labels = np.arange(96) % 7
    origins = np.where(np.arange(96) % 3, "here", "there")
    held_out = (frames[64:, :64, :64].copy(), labels[64:])
    return Examples(frames, labels, np.arange(64), *held_out, origins, origins[64:])


@pytest.fixture(scope="session")
def classifier() -> Classifier:
    """The shipped release."""
    return Classifier(release.load(FileStore(RELEASES), "current"), interpreters=2)
