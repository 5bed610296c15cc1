"""The server's side of the process that forks decoders: starts it, sends requests, stops it.

Imports little, so that a server can call `start_ahead` before its other imports.
"""

import atexit
import contextlib
import functools
import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from . import file_kinds, wire

# Seconds for the process to start, and for each of its answers.
START_S = 20.0

# The exceptions that `ForkServer` raises if its process has exited.
GONE = (OSError, EOFError, ValueError)

_MODULE = f"{__package__}.decoder_process"
# The folder that holds the package `lesionlens`.
_FOLDER = str(Path(__file__).parents[2])


class ForkServer:
    """A running fork server for one kind of file, see `decoder_process`. Thread-safe."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._lock = threading.Lock()  # one request at a time
        self._ready = False
        self._control, theirs = socket.socketpair()
        with theirs:
            descriptor = theirs.fileno()
            # No variables of the server's environment, which contains secrets. PYTHONPATH makes the
            # search for site-packages unnecessary (-S). One malloc arena; the memory of a usual
            # picture is kept for the next one (which saves 1 ms), larger blocks are returned.
            self._process = subprocess.Popen(
                [sys.executable, "-S", "-P", "-m", _MODULE, str(descriptor), kind],
                env={
                    # This package first: an editable install may find it without a path entry.
                    "PYTHONPATH": os.pathsep.join(filter(None, (_FOLDER, *sys.path))),
                    "PYTHONDONTWRITEBYTECODE": "1",
                    "OPENBLAS_NUM_THREADS": "1",
                    "MALLOC_ARENA_MAX": "1",
                    "MALLOC_MMAP_THRESHOLD_": str(8 * 2**20),
                    "MALLOC_TRIM_THRESHOLD_": str(32 * 2**20),
                },
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[descriptor],
                # Ctrl-C must reach the server only; this process ends after it.
                process_group=0,
            )

    def wait(self, until: float) -> None:
        """Wait until the process has imported what it needs.

        ``until``: deadline on the clock of `time.monotonic`. Raises TimeoutError, or another of
        `GONE`.
        """
        if self._ready:
            return
        if not self._lock.acquire(timeout=max(until - time.monotonic(), 0)):
            raise TimeoutError("the fork server is still starting")
        try:
            if not self._ready:
                self._control.settimeout(max(until - time.monotonic(), 0.001))
                self._receive()
                self._ready = True
        finally:
            self._lock.release()

    def fork(self) -> tuple[int, socket.socket]:
        """Return a new decoder's process id and socket. Raises one of `GONE`."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                pid = int(self._ask({"fork": True}, [theirs.fileno()])["pid"])
            except BaseException:
                ours.close()
                raise
        return pid, ours

    def end(self, pid: int) -> bool:
        """Kill a decoder and return whether it had crashed before. Raises one of `GONE`."""
        return bool(self._ask({"end": pid}, [])["crashed"])

    def close(self) -> None:
        """End the process and, with it, its decoders; no effect if they were ended before."""
        with self._lock:
            self._control.close()
            try:
                self._process.wait(START_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def abandon(self) -> None:
        """Close this side of the connection; another process uses the fork server from now on."""
        self._control.close()
        self.disown()

    def disown(self) -> None:
        """Do not wait for the process to exit: another process is its parent, or stops it."""
        self._process.returncode = 0

    def _ask(self, message: dict[str, Any], descriptors: list[int]) -> dict[str, Any]:
        self.wait(time.monotonic() + START_S)
        with self._lock:
            self._control.settimeout(START_S)
            socket.send_fds(self._control, [json.dumps(message).encode()], descriptors)
            return self._receive()

    def _receive(self) -> dict[str, Any]:
        answer = self._control.recv(wire.MAX_HEAD)
        if not answer:
            raise EOFError("the fork server has gone")
        parsed: dict[str, Any] = json.loads(answer)
        return parsed


# Started by `start_ahead`, for the first caller of `obtain`.
_ahead: ForkServer | None = None


@functools.cache
def start_ahead() -> None:
    """Start the fork server of the usual formats, which imports its libraries in parallel.

    It serves this process, or the first process that is forked from this one (gunicorn's worker).
    Only the first call has an effect. If the start fails, `obtain` starts one on demand.
    """
    global _ahead
    with contextlib.suppress(OSError):
        _ahead = ForkServer(file_kinds.USUAL)


def obtain(kind: str) -> ForkServer:
    """Return the fork server that was started ahead if it is of this kind, or start one."""
    global _ahead
    if _ahead is None or _ahead.kind != kind:
        return ForkServer(kind)
    ready, _ahead = _ahead, None
    return ready


def _given_away() -> None:
    """After a fork, in the parent: the child uses the fork server that was started ahead."""
    global _ahead
    if _ahead:
        _ahead.abandon()
    _ahead = None


def _inherited() -> None:
    if _ahead:
        _ahead.disown()


def _unused() -> None:
    if _ahead:
        _ahead.close()


atexit.register(_unused)
os.register_at_fork(after_in_parent=_given_away, after_in_child=_inherited)
