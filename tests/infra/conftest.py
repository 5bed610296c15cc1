"""Fixtures for tests of infra/: the scripts, run with a gcloud that only records."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.infra.recording import Scripts
from tests.infra.standin import StandIn

# Maps a program's name and how to install it to its path.
Needs = Callable[[str, str], str]


@pytest.fixture(scope="session")
def repository() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def needs() -> Needs:
    """Return a function that finds a program, or skips the test with a reason."""

    def find(program: str, how: str) -> str:
        # Programs in wheels from PyPI are installed beside the interpreter.
        path = shutil.which(program, path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
        if path is None:
            pytest.skip(f"{program} is missing; {how}")
        return str(path)

    return find


@pytest.fixture(scope="session")
def gcloud(needs: Needs) -> str:
    return needs("gcloud", "install the Google Cloud CLI")


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    with StandIn() as server:
        yield server


@pytest.fixture
def scripts(tmp_path: Path, stand_in: StandIn) -> Iterator[Scripts]:
    """The scripts of infra/, with valid settings and recorders in place of all programs."""
    with Scripts(ROOT, tmp_path, stand_in) as running:
        yield running
