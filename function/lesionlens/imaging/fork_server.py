"""The server's end of the process that forks decoders: starts it, sends requests, stops it.

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
from pathlib import Path
from typing import Any

from . import file_kinds, wire

# Seconds for the processes to start, and to fork.
START_S = 20.0

_MODULE = f"{__package__}.decoder_process"
# The folder that holds the package `lesionlens`.
_FOLDER = str(Path(__file__).parents[2])


class ForkServer:
    """A running fork server, see `decoder_process`."""

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair()
        self.kinds = {file_kinds.USUAL}
        with theirs:
            descriptor = theirs.fileno()
            # Nothing of the environment, which holds secrets; the paths stand for site-packages,
            # whose search -S saves. One arena, and what a usual picture takes is kept for the next
            # (which saves 1 ms); larger blocks go back when they are freed.
            self._process = subprocess.Popen(
                [sys.executable, "-S", "-P", "-m", _MODULE, str(descriptor)],
                env={
                    # This package first, which an editable install may have found without a path.
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
                # Ctrl-C is for the server, whose end ends this.
                process_group=0,
            )

    def fork(self, kind: str) -> tuple[int, socket.socket]:
        """Return a new decoder's process id and socket.

        Raises OSError, EOFError, ValueError if the process has gone.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                pid = int(self._ask({"fork": kind}, [theirs.fileno()])["pid"])
            except BaseException:
                ours.close()
                raise
        self.kinds.add(kind)
        return pid, ours

    def end(self, pid: int) -> bool:
        """Kill a decoder, wait for its end, and tell whether it had crashed. Raises as `fork`."""
        return bool(self._ask({"end": pid}, [])["crashed"])

    def close(self) -> None:
        self._control.close()
        try:
            self._process.wait(START_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def abandon(self) -> None:
        """Close this end without stopping it: another process has taken it over."""
        self._control.close()
        self.disown()

    def disown(self) -> None:
        """Do not wait for its exit: another process is its parent, or stops it."""
        self._process.returncode = 0

    def _ask(self, message: dict[str, Any], descriptors: list[int]) -> dict[str, Any]:
        self._control.settimeout(START_S)
        socket.send_fds(self._control, [json.dumps(message).encode()], descriptors)
        answer = self._control.recv(wire.MAX_HEAD)
        if not answer:
            raise EOFError("the fork server has gone")
        parsed: dict[str, Any] = json.loads(answer)
        return parsed


# Started ahead of need, for the first caller of `obtain`.
_ahead: ForkServer | None = None


@functools.cache
def start_ahead() -> None:
    """Start a fork server that imports its libraries while this process imports its own.

    It serves this process, or the first process that is forked from it (gunicorn's worker). Only
    the first call has an effect. If the start fails, `obtain` starts one on demand.
    """
    global _ahead
    with contextlib.suppress(OSError):
        _ahead = ForkServer()


def obtain() -> ForkServer:
    """Return the fork server that was started ahead, the first time, or start one."""
    global _ahead
    ready, _ahead = _ahead, None
    return ready or ForkServer()


def _given_away() -> None:
    """In the parent after a fork: the child has taken over what was started ahead."""
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
