"""The real function, in its real server, as a process of its own."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from tests.infra.conftest import missing

START_S = 60


def shipped_releases(repository: Path) -> Path:
    """The releases to serve: those of the repository, or what LESIONLENS_TEST_RELEASES names."""
    default = repository / "training" / "releases"
    folder = Path(os.environ.get("LESIONLENS_TEST_RELEASES", default))
    if not (folder / "current.json").is_file():
        missing(f"there is no release in {folder}")
    return folder


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Function:
    """functions-framework serving function/, from its start to its end."""

    def __init__(self, repository: Path, log: Path, **environment: str) -> None:
        self.port, self._log = free_port(), log
        self.address = f"http://127.0.0.1:{self.port}"
        self._command = [
            *(sys.executable, "-m", "functions_framework", "--source", "function/main.py"),
            *("--target", "classify", "--host", "127.0.0.1", "--port", str(self.port)),
        ]
        self._repository = repository
        kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME")}
        self._environment = kept | environment

    def __enter__(self) -> "Function":
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._repository,
                env=self._environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + START_S
        while self.get("/health")[0] != 200:
            assert self._process.poll() is None, self.log
            assert time.monotonic() < deadline, self.log
            time.sleep(0.05)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()

    @property
    def log(self) -> str:
        return self._log.read_text()

    def get(self, path: str) -> tuple[int, dict[str, Any]]:
        return self._ask(urllib.request.Request(self.address + path))

    def classify(self, image: bytes) -> tuple[int, dict[str, Any]]:
        request = urllib.request.Request(
            f"{self.address}/v1/classify", image, {"Content-Type": "image/jpeg"}
        )
        return self._ask(request)

    def _ask(self, request: urllib.request.Request) -> tuple[int, dict[str, Any]]:
        """Status and JSON of the answer; status 0 where there is none."""
        try:
            with urllib.request.urlopen(request, timeout=120) as response:
                return response.status, json.loads(response.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())
        except (urllib.error.URLError, ConnectionError):
            return 0, {}
