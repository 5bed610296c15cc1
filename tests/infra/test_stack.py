"""infra/stack.sh: emulator, function and page together."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import RELEASES
from tests.server import Server, free_port


def test_the_stack_serves_from_the_emulator_and_ends_together(
    repository: Path, tmp_path: Path
) -> None:
    port = free_port()
    serving = Server(f"http://127.0.0.1:{port}", tmp_path / "log")
    command = [str(repository / "infra" / "stack.sh"), "--port", str(port)]
    with serving.log.open("wb") as log:
        stack = subprocess.Popen(
            [*command, "--releases", str(RELEASES)],
            stdout=log,
            stderr=log,
            env={**os.environ, "PYTHON": sys.executable, "SETTINGS_LOCAL": ""},
        )
    try:
        serving.wait(stack, "/ready")
        ready = serving.get("/ready")[1]
    finally:
        stack.send_signal(signal.SIGTERM)
        stack.wait(timeout=30)
    said = serving.log.read_text()

    assert ready["version"] == json.loads((RELEASES / "current.json").read_text())["version"]
    assert "gs://lesionlens/models with" in said
    assert "Traceback" not in said
    with pytest.raises(ConnectionError):
        serving.get("/health")


def test_the_stack_says_what_it_lacks(repository: Path, tmp_path: Path) -> None:
    command = [str(repository / "infra" / "stack.sh"), "--releases", str(tmp_path)]

    done = subprocess.run(
        command, capture_output=True, text=True, timeout=30, env={**os.environ, "PROJECT": ""}
    )

    assert done.returncode == 1
    assert "current.json does not exist" in done.stderr
