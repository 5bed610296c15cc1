"""The page in Firefox: from a picture to a result, and offline."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests import npm, server
from tests.releases import VERSION
from tests.web import audit
from tests.web.visitor import LANGUAGES, WEB

pytestmark = pytest.mark.slow

LIMIT_S = 400


@pytest.fixture(scope="module")
def firefox() -> str:
    """Path of Firefox; its driver is installed first."""
    firefox = shutil.which("firefox-esr") or shutil.which("firefox")
    if firefox is None:
        pytest.skip("Firefox is not installed")
    try:
        npm.tool(audit.HERE, "lighthouse")  # installs all dependencies of package.json
    except npm.Unavailable as error:
        pytest.skip(str(error))
    return firefox


@pytest.fixture(scope="module")
def picture(lesion: bytes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("firefox") / "lesion.jpg"
    path.write_bytes(lesion)
    return path


@pytest.fixture(scope="module")
def seen(site: str, firefox: str, picture: Path) -> dict[str, Any]:
    """The observations of firefox.mjs."""
    command = ("node", audit.HERE / "firefox.mjs", firefox, site, picture)
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_from_picture_to_result(seen: dict[str, Any], language: str) -> None:
    journey = seen["journeys"][language]
    words = json.loads((WEB / "text" / "answer" / f"{language}.json").read_text())
    assert journey["language"] == language
    page = json.loads((WEB / "text" / f"{language}.json").read_text())
    assert page["upload"]["redrawn"] in journey["preview"]
    assert any(advice in journey["advice"] for advice in words["level"].values())
    assert "100" in journey["chance"]
    assert journey["classes"] == 7
    # In Firefox the width of the window includes the scroll bar.
    assert journey["overflow"] <= 0


def test_the_other_pages_can_be_read(seen: dict[str, Any]) -> None:
    for words in ("Asymmetry", "How to find a doctor", "What a dermatoscope is"):
        assert words in seen["pages"]["without"]
    assert "HAM10000" in seen["pages"]["model"]


def test_no_script_fails(seen: dict[str, Any]) -> None:
    assert seen["complaints"] == []


def test_after_one_visit_it_answers_without_the_server(
    firefox: str, picture: Path, tmp_path: Path
) -> None:
    """Without the server there is no network, as both are on this machine."""
    script = audit.HERE / "firefox_offline.mjs"
    with server.running(tmp_path / "log.txt", WEB_DIR=str(WEB)) as serving:
        command = ("node", script, firefox, serving.url, picture)
        visitor = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert visitor.stdout is not None
        online = visitor.stdout.readline()
    rest, errors = visitor.communicate("go on\n", timeout=LIMIT_S)
    assert visitor.returncode == 0, errors
    first, second = json.loads(online), json.loads(rest)
    assert second["advice"] == first["advice"]
    assert VERSION in second["result"]
    assert "The picture was not sent" in second["result"]
