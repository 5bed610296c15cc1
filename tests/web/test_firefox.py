"""The page in Firefox, whose engine is another than the other tests': the way to a result."""

import json
import shutil
import subprocess
from typing import Any

import pytest

from tests import npm
from tests.web import audit
from tests.web.visitor import LANGUAGES, WEB

pytestmark = pytest.mark.matrix

LIMIT_S = 400


@pytest.fixture(scope="module")
def seen(site: str, lesion: bytes, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What firefox.mjs saw."""
    firefox = shutil.which("firefox-esr") or shutil.which("firefox")
    if firefox is None:
        pytest.skip("Firefox is not installed")
    try:
        npm.tool(audit.HERE, "lighthouse")  # installs all that package.json names
    except npm.Unavailable as error:
        pytest.skip(str(error))
    picture = tmp_path_factory.mktemp("firefox") / "lesion.jpg"
    picture.write_bytes(lesion)
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
    assert "600 × 450" in journey["preview"]
    assert any(advice in journey["advice"] for advice in words["level"].values())
    assert "100" in journey["chance"]
    assert journey["classes"] == 7
    # Firefox counts the scroll bar into the window.
    assert journey["overflow"] <= 0


def test_the_other_pages_can_be_read(seen: dict[str, Any]) -> None:
    for words in ("Asymmetry", "How to find a doctor", "What a dermatoscope is"):
        assert words in seen["pages"]["without"]
    assert "HAM10000" in seen["pages"]["model"]


def test_no_script_fails(seen: dict[str, Any]) -> None:
    assert seen["complaints"] == []
