"""The locked requirements match pyproject.toml, and every file in them has a hash."""

from itertools import pairwise

import pytest

from tests.conftest import ROOT
from tests.requirements import direct, locked

GROUPS = {
    "function/requirements.txt": None,
    "training/requirements.txt": "training",
    "training/requirements-cuda.txt": "training-cuda",
    "training/requirements-distributed.txt": "distributed",
    "training/requirements-distributed-cuda.txt": "distributed-cuda",
    "tests/requirements.txt": "tests",
    "infra/beam/requirements.txt": "beam",
}
# Each contains the packages of the previous one in the same versions.
CHAIN = (
    "function/requirements.txt",
    "training/requirements.txt",
    "training/requirements-distributed.txt",
    "tests/requirements.txt",
)


@pytest.mark.parametrize("name", GROUPS)
def test_the_lock_has_what_the_project_asks_for(name: str) -> None:
    asked = direct() | (direct(group) if (group := GROUPS[name]) else {})
    assert asked.items() <= locked(ROOT / name).items()


@pytest.mark.parametrize("name", GROUPS)
def test_every_package_is_hashed_and_no_registry_is_named(name: str) -> None:
    text = (ROOT / name).read_text()
    for entry in text.replace("\\\n", " ").splitlines():
        assert entry.lstrip().startswith("#") or "--hash=sha256:" in entry, entry
    assert "://" not in text


@pytest.mark.parametrize(("smaller", "larger"), list(pairwise(CHAIN)))
def test_the_tests_run_with_the_versions_that_are_deployed(smaller: str, larger: str) -> None:
    assert locked(ROOT / smaller).items() <= locked(ROOT / larger).items()
