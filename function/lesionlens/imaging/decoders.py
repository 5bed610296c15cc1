"""Pictures decoded in processes that may fail: what the server calls.

A usual picture is decoded by one of a few processes that are used again, within modest limits. What
exceeds these, or is known to, waits for the one place that has large limits, and a process of its
own. What exceeds those is refused. See SECURITY.md for the bounds that follow.
"""

import atexit
import json
import math
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from .. import errors
from ..errors import ImageProblem, Overloaded, Problem, TooCostly, UnsupportedType
from . import decode, wire
from .decoder_process import LARGE_MEMORY, LARGE_SECONDS
from .lane import Lane
from .preprocess import Prepared, Preprocessing

# Usual pictures at a time. Decoding is all processor: more places serve no more pictures.
MODEST_PLACES, MODEST_WAITING = 2, 16
# Two large pictures at a time would not fit into an instance.
LARGE_PLACES, LARGE_WAITING = 1, 3
# Seconds for one picture where the caller has all the time in the world.
UNHURRIED_S = 60.0
# Seconds for the processes to start, and to fork.
START_S = 20.0

_MODULE = f"{__package__}.decoder_process"
# The folder that holds the package `lesionlens`.
_FOLDER = str(Path(__file__).parents[2])
_TOO_COSTLY = (
    f"The image would cost more than {LARGE_MEMORY // 2**20} MiB or {LARGE_SECONDS:g} s of the "
    "processor to decode; send it smaller, or as a baseline JPEG."
)
# What a decoder may refuse a picture for, by name: nothing else is believed.
_PROBLEMS: dict[str, type[Problem]] = {
    name: found
    for name, found in vars(errors).items()
    if isinstance(found, type) and issubclass(found, (ImageProblem, UnsupportedType))
}
_MAX_DETAIL = 1000  # characters


class DecoderFault(RuntimeError):
    """A fault of ours in a decoder; the message names the type of the error and its place."""


class _Exceeded(Exception):
    """The picture needs more than it was allowed, or the decoder has gone."""


class _Decoder:
    """A decoder process, and the kinds of files it was warmed for."""

    def __init__(
        self, parent: "_ForkServer", pid: int, peer: socket.socket, kinds: frozenset[str]
    ) -> None:
        self.parent: _ForkServer | None = parent
        self.pid, self.kinds = pid, kinds
        self.reusable = True
        self._peer = peer

    def prepare(
        self, data: bytes, preprocessing: Preprocessing, large: bool, until: float
    ) -> Prepared:
        """Raises Problem, _Exceeded, Overloaded."""
        self.reusable = False
        head = {"preprocessing": preprocessing.as_dict(), "large": large}
        shape = (preprocessing.size, preprocessing.size, 3)
        try:
            wire.send(self._peer, head, data, until)
            answer, pixels = wire.receive(self._peer, math.prod(shape), until)
            if answer.keys() & {"problem", "fault", "needs_more"} or not pixels:
                raise self._refusal(answer)
            prepared = Prepared(
                np.frombuffer(pixels, np.uint8).reshape(shape),
                int(answer["width"]),
                int(answer["height"]),
                tuple(decode.CAUTIONS[code] for code in answer["warnings"]),
            )
        except TimeoutError:
            raise Overloaded("Decoding took too long beside others; try again.") from None
        except (EOFError, OSError, ValueError, LookupError, TypeError):
            # Gone, or not itself any more.
            raise _Exceeded from None
        self.reusable = not large
        return prepared

    def _refusal(self, answer: dict[str, Any]) -> Exception:
        if "fault" in answer:
            return DecoderFault(str(answer["fault"])[:_MAX_DETAIL])
        self.reusable = True
        if "problem" in answer:
            return _PROBLEMS[answer["problem"]](str(answer["detail"])[:_MAX_DETAIL])
        return _Exceeded()

    def close(self) -> None:
        self._peer.close()


class _ForkServer:
    """The process that forks decoders, see `decoder_process`."""

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair()
        self._kinds = {""}
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

    def fork(self, kind: str) -> _Decoder:
        """Raises OSError, EOFError, ValueError if the process has gone."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                pid = self._ask({"fork": kind}, [theirs.fileno()])
            except BaseException:
                ours.close()
                raise
        self._kinds.add(kind)
        return _Decoder(self, pid, ours, frozenset(self._kinds))

    def end(self, pid: int) -> None:
        """Kill a decoder and wait for its end. Raises as `fork`."""
        self._ask({"end": pid}, [])

    def close(self) -> None:
        self._control.close()
        try:
            self._process.wait(START_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def abandon(self) -> None:
        """Let go of it in a process that was forked from the one that started it."""
        self._control.close()
        self._process.returncode = 0  # it is another's child

    def _ask(self, message: dict[str, Any], descriptors: list[int]) -> int:
        self._control.settimeout(START_S)
        socket.send_fds(self._control, [json.dumps(message).encode()], descriptors)
        answer = self._control.recv(wire.MAX_HEAD)
        if not answer:
            raise EOFError("the fork server has gone")
        return int(json.loads(answer)["pid"])


class Decoders:
    """The decoder processes of this process. Safe for use by several threads.

    They start when they are first needed, or with `start`. Should the fork server die, the next
    picture starts another.
    """

    def __init__(self) -> None:
        self._modest = Lane(MODEST_PLACES, MODEST_WAITING)
        self._large = Lane(LARGE_PLACES, LARGE_WAITING)
        self._lock = threading.Lock()
        self._fork_server: _ForkServer | None = None
        self._idle: list[_Decoder] = []

    def start(self) -> None:
        """Start the fork server, which takes a moment, without waiting for it."""
        with self._lock:
            self._running()

    def wait(self) -> None:
        """Return when a decoder is ready. Raises Overloaded if there can be none."""
        self._leave(self._take(""))

    def prepare(
        self, data: bytes, preprocessing: Preprocessing, until: float | None = None
    ) -> Prepared:
        """Decode a file to the model's input, as `preprocess.prepare` does.

        ``until``: the monotonic time by which to be done; None if that does not matter.
        Raises ImageProblem, UnsupportedType, and Overloaded where others leave no time.
        """
        kind = decode.kind(data)
        with suppress(_Exceeded), self._modest.enter(until):
            decoder = self._take(kind)
            try:
                return decoder.prepare(data, preprocessing, False, until or _unhurried())
            finally:
                self._leave(decoder)
        with self._large.enter(until):
            decoder = self._fork(kind)
            try:
                return decoder.prepare(data, preprocessing, True, until or _unhurried())
            except _Exceeded:
                if self._end(decoder):
                    raise TooCostly(_TOO_COSTLY) from None
                raise Overloaded("Decoding was interrupted; try again.") from None
            finally:
                self._leave(decoder)

    def close(self) -> None:
        """End all processes."""
        with self._lock:
            self._stop()

    def abandon(self) -> None:
        """Forget the processes, which belong to the process that this one was forked from."""
        for decoder in self._idle:
            decoder.close()
        if self._fork_server:
            self._fork_server.abandon()
        self.__init__()  # type: ignore[misc]

    def _take(self, kind: str) -> _Decoder:
        with self._lock:
            for decoder in reversed(self._idle):
                if kind in decoder.kinds:
                    self._idle.remove(decoder)
                    return decoder
        return self._fork(kind)

    def _fork(self, kind: str) -> _Decoder:
        with self._lock:
            for _ in range(2):
                try:
                    return self._running().fork(kind)
                except (OSError, EOFError, ValueError):
                    self._stop()
        raise Overloaded("The decoders cannot be started at the moment; try again.")

    def _leave(self, decoder: _Decoder) -> None:
        """Keep a decoder for the next picture if it is fit for that."""
        if not decoder.reusable:
            self._end(decoder)
            return
        with self._lock:
            self._idle.append(decoder)
            spare = self._idle.pop(0) if len(self._idle) > MODEST_PLACES else None
        if spare:
            self._end(spare)

    def _end(self, decoder: _Decoder) -> bool:
        """End a decoder, unless that was done; return whether its parent is well."""
        with self._lock:
            decoder.close()
            parent, decoder.parent = decoder.parent, None
            if parent is None or parent is not self._fork_server:
                return False
            try:
                parent.end(decoder.pid)
            except (OSError, EOFError, ValueError):
                self._stop()
                return False
        return True

    def _running(self) -> _ForkServer:
        if self._fork_server is None:
            self._fork_server = _ForkServer()
        return self._fork_server

    def _stop(self) -> None:
        for decoder in self._idle:
            decoder.close()
        self._idle.clear()
        if self._fork_server:
            self._fork_server.close()
        self._fork_server = None


def _unhurried() -> float:
    return time.monotonic() + UNHURRIED_S


# One for the process, however many applications it holds.
shared = Decoders()
atexit.register(shared.close)
os.register_at_fork(after_in_child=shared.abandon)
