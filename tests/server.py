"""The real server, started as by `make serve` in a new process on a free port."""

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.conftest import ROOT, VARIABLES

START_S = 60  # including loading a model, on a busy machine
END_S = 60
ANSWER_S = 120  # including reads from a slow store


@dataclass(frozen=True)
class Server:
    url: str
    log: Path
    pid: int = 0  # 0: not started by `running`

    def processes(self) -> list[int]:
        """The server's main process and its workers."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
        return [self.pid, *map(int, children.split())]

    def get(self, path: str) -> tuple[int, dict[str, Any]]:
        """Send a GET request; return status and JSON."""
        return self._ask("GET", path)

    def classify(
        self, body: bytes | Iterator[bytes], media_type: str = "image/jpeg"
    ) -> tuple[int, dict[str, Any]]:
        """Send a POST request; an iterator is sent in chunks, without Content-Length."""
        return self._ask("POST", "/v1/classify", body, {"Content-Type": media_type})

    def _ask(self, method: str, path: str, *request: Any) -> tuple[int, dict[str, Any]]:
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=ANSWER_S)
        try:
            connection.request(method, path, *request)
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()

    def wait(self, process: subprocess.Popen[bytes], path: str = "/health") -> None:
        """Wait until the path answers 200. Raises RuntimeError if it ends or on timeout."""
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and process.poll() is None:
            try:
                if self.get(path)[0] == 200:
                    return
            except OSError:
                pass
            time.sleep(0.05)
        raise RuntimeError(f"the server did not come up:\n{self.log.read_text()}")


@contextmanager
def running(
    log: Path,
    source: Path = ROOT / "function" / "main.py",
    folder: Path | None = None,
    python: Path = Path(sys.executable),
    **environment: str,
) -> Iterator[Server]:
    """Run functions-framework in ``folder`` by an interpreter; its output goes to ``log``."""
    port = free_port()
    clean = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    command = (
        *(str(python), "-m", "functions_framework"),
        *("--source", str(source), "--target", "classify", "--host", "127.0.0.1"),
        *("--port", str(port)),
    )
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**clean, **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    server = Server(f"http://127.0.0.1:{port}", log, process.pid)
    try:
        server.wait(process)
        yield server
    finally:
        process.terminate()
        process.wait(END_S)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
