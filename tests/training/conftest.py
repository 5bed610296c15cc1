from pathlib import Path

import pytest

from training import dataset, synthetic
from training.dataset import Dataset

IMAGES = 84


@pytest.fixture(scope="session")
def drawings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in HAM10000's layout with 84 drawn images of 42 lesions."""
    root = tmp_path_factory.mktemp("drawings")
    synthetic.write(root, IMAGES, seed=5)
    return root


@pytest.fixture(scope="session")
def drawn(drawings: Path) -> Dataset:
    return dataset.read(drawings)
