"""Runs servers, and measures the resources of their process trees."""

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conftest import ROOT, VARIABLES
from tests.server import free_port

START_S = 120
END_S = 20
ANSWER_S = 120
POLL_S = 0.005
SAMPLE_S = 0.2
# Variables to withhold from the servers, which cache compiled modules as in production.
DROPPED = (*VARIABLES, "PYTHONDONTWRITEBYTECODE", "WORKERS", "THREADS")


def function(source: Path = ROOT / "function" / "main.py") -> tuple[str, ...]:
    """The command that serves our function, or another with its interface."""
    return (
        *(sys.executable, "-m", "functions_framework", "--source", str(source)),
        *("--target", "classify", "--host", "127.0.0.1", "--port", "{port}"),
    )


@dataclass(frozen=True)
class Running:
    """A running server; ``pid`` is the session leader of its processes."""

    port: int
    pid: int
    started: float  # time.monotonic() right before the start
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(
        self, path: str, body: bytes | None = None, media_type: str = "", timeout: float = ANSWER_S
    ) -> tuple[int, dict[str, Any]]:
        """Status and JSON of a GET, or a POST of ``body``. Raises OSError, HTTPException."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            headers = {"Content-Type": media_type} if media_type else {}
            connection.request("GET" if body is None else "POST", path, body, headers)
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()

    def first(self, path: str, body: bytes | None = None, media_type: str = "") -> float:
        """Seconds from the start to the first response to this request, which must be 200.

        Raises RuntimeError if the process ends, for another status, or if START_S pass.
        """
        while time.monotonic() < self.started + START_S and self.process.poll() is None:
            try:
                status, answer = self.ask(path, body, media_type)
            except (ConnectionError, http.client.HTTPException):
                time.sleep(POLL_S)
                continue
            if status == 200:
                return time.monotonic() - self.started
            raise RuntimeError(f"{path} answered {status}: {answer}\n{self._said()}")
        raise RuntimeError(f"the server did not come up:\n{self._said()}")

    def _said(self) -> str:
        return self.log.read_text(errors="replace")[-3000:]

    def pids(self) -> list[int]:
        """Pids of the server's processes."""
        found = []
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit() and _session(folder) == self.pid:
                found.append(int(folder.name))
        return found

    def pss_mib(self) -> float:
        """Proportional set size of the process tree, in MiB: shared pages count once."""
        return sum(pss_kib(pid) for pid in self.pids()) / 1024

    def descriptors(self) -> int:
        return sum(_entries(pid, "fd") for pid in self.pids())

    def threads(self) -> int:
        return sum(_entries(pid, "task") for pid in self.pids())


def _session(folder: Path) -> int | None:
    try:
        # The name in parentheses may contain any character.
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return int(fields[3]) if fields[0] != "Z" else None


def pss_kib(pid: int) -> int:
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    except OSError:
        pass  # it has just ended
    return 0


def _entries(pid: int, name: str) -> int:
    try:
        return len(os.listdir(f"/proc/{pid}/{name}"))  # noqa: PTH208 - entries may vanish
    except OSError:
        return 0


@contextmanager
def running(
    command: Sequence[str], environment: Mapping[str, str], log: Path, port: int | None = None
) -> Iterator[Running]:
    """Run a server, whose command may contain ``{port}``; finally end all its processes."""
    port = port or free_port()
    clean = {name: value for name, value in os.environ.items() if name not in DROPPED}
    with log.open("wb") as output:
        started = time.monotonic()
        process = subprocess.Popen(
            [part.replace("{port}", str(port)) for part in command],
            env={**clean, **environment},
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    server = Running(port, process.pid, started, process, log)
    try:
        yield server
    finally:
        stop(server)


def stop(server: Running, limit_s: float = END_S) -> float:
    """Stop a server by SIGTERM, then SIGKILL; return the seconds that it took."""
    began = time.monotonic()
    if server.process.poll() is None:
        server.process.terminate()
    try:
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.process.wait(limit_s)
    finally:
        for pid in server.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        server.process.wait()
    return time.monotonic() - began


def end_on_sigterm() -> None:
    """Make `kill` clean up as Ctrl-C does, so that no server outlives the run."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@contextmanager
def peak(memory: Callable[[], float], every_s: float = SAMPLE_S) -> Iterator[list[float]]:
    """Sample the memory of processes in MiB while the block runs, and once at its end."""
    samples = [memory()]
    done = threading.Event()

    def sample() -> None:
        while not done.wait(every_s):
            samples.append(memory())

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield samples
    finally:
        done.set()
        thread.join()
        samples.append(memory())
