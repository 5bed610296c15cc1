"""Shared by all tests: a clean environment, the real function, no skipped tests in CI."""

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import functions_framework
import pytest
from werkzeug.test import Client
from xdist.scheduler import LoadScopeScheduling

from lesionlens.settings import Settings

ROOT = Path(__file__).parents[1]
RELEASES = ROOT / "training" / "releases"

# Modules whose tests need the smoke run.
SMOKE = (
    "tests/infra/test_release_life.py",
    "tests/training/test_experiments.py",
    "tests/training/test_job.py",
)

VARIABLES = (*(field.name.upper() for field in dataclasses.fields(Settings)), "K_SERVICE")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def client() -> Client:
    """A client of the real function with the shipped model, in this process."""
    return create_client()


@pytest.fixture(scope="session")
def shared_client() -> Iterator[Client]:
    """The same, with one model for all tests; for tests that do not change its state."""
    with pytest.MonkeyPatch.context() as patch:
        for name in VARIABLES:
            patch.delenv(name, raising=False)
        yield create_client()


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the smoke run and the store to which it was published (tests/smoke.py)."""
    from tests import smoke

    folder = tmp_path_factory.mktemp("smoke")
    smoke.make(folder)
    return folder


def create_client() -> Client:
    source = str(ROOT / "function" / "main.py")
    return functions_framework.create_app(  # type: ignore[no-untyped-call]
        target="classify", source=source
    ).test_client()


class ByModule(LoadScopeScheduling):  # type: ignore[misc]
    """Runs the tests of a module in one process, and all modules that need the smoke run in one.

    pytest-xdist 3.8's `--dist loadgroup` has no effect under pytest 9.2, in which the id of a test
    can no longer be changed.
    """

    def _split_scope(self, nodeid: str) -> str:
        module = nodeid.split("::")[0]
        return "smoke" if module in SMOKE else module


def pytest_xdist_auto_num_workers() -> int:
    """Three processes for every two cores: tests wait for a third of their time."""
    return max(1, len(os.sched_getaffinity(0)) * 3 // 2)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByModule:
    return ByModule(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the longest modules first, so that none is still running when all others have ended."""
    items.sort(key=_rank)


def _rank(item: pytest.Item) -> int:
    module = item.nodeid.split("::")[0]
    if module in SMOKE:
        return 0
    return 1 if module.startswith(("tests/training/", "tests/web/")) else 2


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail in CI if a test was skipped: there, everything that tests need is installed."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    if os.environ.get("CI") == "true" and skipped and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
