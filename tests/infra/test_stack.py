"""infra/stack.sh: emulator, function and page together."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from tests.infra.serving import free_port, shipped_releases

START_S = 60


def test_the_stack_serves_from_the_emulator_and_ends_together(
    repository: Path, tmp_path: Path
) -> None:
    releases, port = shipped_releases(repository), free_port()
    command = [str(repository / "infra" / "stack.sh"), "--port", str(port)]
    with (tmp_path / "log").open("w+") as log:
        stack = subprocess.Popen(
            [*command, "--releases", str(releases)],
            stdout=log,
            stderr=log,
            env={**os.environ, "PYTHON": sys.executable, "SETTINGS_LOCAL": ""},
        )
        try:
            ready = wait_for(f"http://127.0.0.1:{port}/ready", stack)
        finally:
            stack.send_signal(signal.SIGTERM)
            stack.wait(timeout=30)
        log.seek(0)
        said = log.read()

    assert ready["version"] == json.loads((releases / "current.json").read_text())["version"]
    assert "gs://lesionlens/models with" in said
    assert "Traceback" not in said
    with_nobody = wait_for(f"http://127.0.0.1:{port}/health", stack)
    assert with_nobody == {}


def wait_for(address: str, server: subprocess.Popen[bytes]) -> dict[str, str]:
    """Return the JSON at the address; nothing if the server has ended."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(address, timeout=START_S) as response:
                return json.load(response)
        except (urllib.error.URLError, ConnectionError):
            if server.poll() is not None:
                return {}
            time.sleep(0.2)
    return {}


def test_the_stack_says_what_it_lacks(repository: Path, tmp_path: Path) -> None:
    command = [str(repository / "infra" / "stack.sh"), "--releases", str(tmp_path)]

    done = subprocess.run(
        command, capture_output=True, text=True, timeout=30, env={**os.environ, "PROJECT": ""}
    )

    assert done.returncode == 1
    assert "current.json does not exist" in done.stderr
