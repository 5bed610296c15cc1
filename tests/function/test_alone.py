"""A copy of function/ with only its locked requirements, under every installed Python."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import server
from tests.conftest import RELEASES, ROOT

pytestmark = pytest.mark.slow

VERSIONS = ("3.11", "3.12", "3.13", "3.14")
LIMIT_S = 1800


def interpreter(version: str) -> str | None:
    """Path of an interpreter: the current one, one on the PATH, or pyenv's newest."""
    if sys.version_info[:2] == tuple(map(int, version.split("."))):
        return sys.executable
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    installed = sorted(map(str, pyenv.glob(f"{version}.*/bin/python{version}")))
    return installed[-1] if installed else shutil.which(f"python{version}")


# Parametrized rather than skipped: no machine has all versions, and skipping fails in CI.
@pytest.mark.parametrize("version", [each for each in VERSIONS if interpreter(each)])
def test_a_copy_of_the_function_serves_and_shows_its_help(version: str, tmp_path: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__")
    copy = shutil.copytree(ROOT / "function", tmp_path / "copy", ignore=ignored)
    python = tmp_path / "venv" / "bin" / "python"
    run(str(interpreter(version)), "-m", "venv", str(tmp_path / "venv"))
    install = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes")
    run(str(python), *install, "-r", str(copy / "requirements.txt"))
    located = "import lesionlens; print(lesionlens.__file__)"
    assert subprocess.run([python, "-c", located], cwd=tmp_path, capture_output=True).returncode

    assert "usage: archive.py" in run(str(python), str(copy / "archive.py"), "--help")

    picture = (ROOT / "infra" / "smoke.jpg").read_bytes()
    answers: list[object] = []
    for source, program in ((copy, python), (ROOT / "function", Path(sys.executable))):
        log = tmp_path / f"log-{len(answers)}"
        store = RELEASES.as_uri()
        with server.running(
            log, source / "main.py", tmp_path, python=program, MODEL_URI=store
        ) as serving:
            status, answer = serving.classify(picture)
        assert status == 200, answer
        answers.append({**answer, "request_id": "", "timing_ms": {}})
    assert answers[0] == answers[1]


def run(*command: str) -> str:
    """Output of a command, run without our environment variables."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(command, env=kept, capture_output=True, text=True, timeout=LIMIT_S)
    assert done.returncode == 0, done.stderr
    return done.stdout
