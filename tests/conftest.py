"""What all tests share: a clean environment, the real function, and no silent skipping in CI."""

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

# The modules whose tests need the smoke run.
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
    """The real function with the shipped model, called without a server between."""
    return create_client()


@pytest.fixture(scope="session")
def shared_client() -> Iterator[Client]:
    """The same for tests that only post: the model is loaded once for all of them."""
    with pytest.MonkeyPatch.context() as patch:
        for name in VARIABLES:
            patch.delenv(name, raising=False)
        yield create_client()


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the smoke run and the store that it was published to (tests/smoke.py)."""
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
    """Keeps together, in one process, a module's tests, and all modules of the smoke run.

    pytest-xdist 3.8 has `--dist loadgroup` for that, which pytest 9.2 makes do nothing: a test's id
    cannot be changed any more.
    """

    def _split_scope(self, nodeid: str) -> str:
        module = nodeid.split("::")[0]
        return "smoke" if module in SMOKE else module


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByModule:
    return ByModule(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest modules first: begun last, one would go on when all else has ended."""
    items.sort(key=_rank)


def _rank(item: pytest.Item) -> int:
    module = item.nodeid.split("::")[0]
    if module in SMOKE:
        return 0
    return 1 if module.startswith("tests/web/") else 2


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI everything that the tests need is there: a skipped test is a failed one."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    if os.environ.get("CI") == "true" and skipped and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
