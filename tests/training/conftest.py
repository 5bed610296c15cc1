from pathlib import Path

import numpy as np
import pytest

from lesionlens.model import release
from lesionlens.model.classifier import Classifier
from lesionlens.model.storage import FileStore
from tests.conftest import RELEASES
from training.__main__ import main
from training.data import dataset, synthetic
from training.data.dataset import Dataset
from training.learning.batches import Examples

IMAGES = 84
# Shorter still than the smoke configuration: one stage, one epoch.
SHORT = ("--config", "smoke", "--set", "training.stages=[{size=64, epochs=1}]")


def options(made: Path, run: Path | None = None) -> tuple[str, ...]:
    """What a command is given to work on the run in the folder ``made``, or on its copy ``run``."""
    return (*SHORT, "--run", str(run or made / "run"), "--cache", str(made / "cache"))


@pytest.fixture(scope="session")
def drawings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in HAM10000's layout with 84 drawn images of 42 lesions."""
    root = tmp_path_factory.mktemp("drawings")
    synthetic.write(root, IMAGES, seed=5)
    return root


@pytest.fixture(scope="session")
def drawn(drawings: Path) -> Dataset:
    return dataset.read(drawings)


@pytest.fixture(scope="session")
def examples() -> Examples:
    """64 images of noise from two origins to train on, and 32 for validation."""
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


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run and the store that it was published to, made stage by stage."""
    folder = tmp_path_factory.mktemp("job")
    for stage in ("data", "split", "train", "evaluate", "export", "safeguard", "evidence"):
        assert main([stage, *options(folder)]) == 0, stage
    store = ("--store", (folder / "store").as_uri())
    assert main(["publish", *options(folder), *store, "--version", "v1", "--promote"]) == 0
    return folder
