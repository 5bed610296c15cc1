"""The real server, as `make serve` starts it, in a process of its own on a free port."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import ROOT, VARIABLES

START_TIMEOUT_S = 60


@dataclass(frozen=True)
class Server:
    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def get(self, path: str) -> int:
        """The status of a GET."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=30) as response:
                return int(response.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code


@contextmanager
def running(
    log: Path, source: Path = ROOT / "function" / "main.py", **environment: str
) -> Iterator[Server]:
    """Start functions-framework; ``log`` receives what it prints."""
    port = free_port()
    clean = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    command = (
        *(sys.executable, "-m", "functions_framework"),
        *("--source", str(source), "--target", "classify", "--host", "127.0.0.1"),
        *("--port", str(port)),
    )
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env={**clean, **environment}, stdout=output, stderr=subprocess.STDOUT
        )
    server = Server(f"http://127.0.0.1:{port}", process, log)
    try:
        _wait(server)
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _wait(server: Server) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and server.process.poll() is None:
        try:
            if server.get("/health") == 200:
                return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"the server did not come up:\n{server.log.read_text()}")
