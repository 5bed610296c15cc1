"""What all tests share: a clean environment, the real function, and no silent skipping in CI."""

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path

import functions_framework
import pytest
from werkzeug.test import Client

from lesionlens.settings import Settings

ROOT = Path(__file__).parents[1]
RELEASES = ROOT / "training" / "releases"

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


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep together, in one process of pytest-xdist, a module's tests, and all of the smoke run.

    Those of the smoke run are first: begun last, they would go on when all else has ended. Must run
    before pytest-xdist's own hook, which reads the groups.
    """
    for item in items:
        group = "smoke" if needs_smoke(item) else item.nodeid.split("::")[0]
        item.add_marker(pytest.mark.xdist_group(group))
    items.sort(key=needs_smoke, reverse=True)


def needs_smoke(item: pytest.Item) -> bool:
    return "made" in getattr(item, "fixturenames", ())


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI everything that the tests need is there: a skipped test is a failed one."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    if os.environ.get("CI") == "true" and skipped and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
