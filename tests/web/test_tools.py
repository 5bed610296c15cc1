"""The page passes checkers from npm: html-validate and Lighthouse."""

import subprocess
from pathlib import Path

import pytest

from tests import npm
from tests.web import audit
from tests.web.visitor import WEB

pytestmark = pytest.mark.slow


def test_the_html_is_valid() -> None:
    try:
        checker = npm.tool(audit.HERE, "html-validate")
    except npm.Unavailable as error:
        pytest.skip(str(error))

    config = audit.HERE / ".htmlvalidate.json"
    command: list[str | Path] = [
        checker,
        "--config",
        config,
        *(WEB / f"{name}.html" for name in ("index", "without", "model", "404", "reference/index")),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)

    assert done.returncode == 0, done.stdout


def test_lighthouse_finds_nothing(site: str) -> None:
    try:
        found = audit.scores(site)
    except npm.Unavailable as error:
        pytest.skip(str(error))

    # Performance depends on the machine; the audit reports it.
    found.pop("performance")
    assert found == dict.fromkeys(found, (100, []))
