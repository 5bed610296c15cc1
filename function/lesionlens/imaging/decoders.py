"""Pictures decoded in processes that may fail: what the server calls.

A usual picture is decoded by one of a few processes that are used again, within modest limits. What
exceeds these, or is known to, waits for the one place that has large limits, and a process of its
own. What exceeds those is refused. See SECURITY.md for the bounds that follow.
"""

import atexit
import os
import threading
import time
from contextlib import suppress

from ..errors import Overloaded, TooCostly, Undecodable
from . import file_kinds, fork_server
from .decoder import Decoder, Exceeded
from .fork_server import GONE, ForkServer
from .lane import Lane
from .model_input import Prepared, Preprocessing
from .sizes import LARGE_MEMORY, LARGE_SECONDS

# Usual pictures decoded at a time. Decoding is bound by the processor: more places gain nothing.
MODEST_PLACES, MODEST_WAITING = 2, 16
# Two large pictures at a time would not fit into an instance.
LARGE_PLACES, LARGE_WAITING = 1, 3
# Seconds for one picture if the caller sets no deadline.
UNHURRIED_S = 60.0

_CRASHED = (
    "The image file is damaged: its decoder crashed on it. Send it as a plain PNG or JPEG, written "
    "anew."
)
_TOO_COSTLY = (
    f"The image would cost more than {LARGE_MEMORY // 2**20} MiB or {LARGE_SECONDS:g} s of the "
    "processor to decode; send it smaller, or as a baseline JPEG."
)


class Decoders:
    """The decoder processes of this process. Thread-safe.

    Each kind of file (`file_kinds.kind`) has a fork server of its own, started when the first such
    file arrives or by `start`, so that nobody waits for the imports of a format that others sent.
    A fork server that has died is replaced when the next picture needs it.
    """

    def __init__(self) -> None:
        self._modest = Lane(MODEST_PLACES, MODEST_WAITING)
        self._large = Lane(LARGE_PLACES, LARGE_WAITING)
        self._lock = threading.Lock()  # of the two below; never held while a process answers
        self._fork_servers: dict[str, ForkServer] = {}
        self._idle: list[Decoder] = []

    def start(self) -> None:
        """Start the fork server of the usual formats, without waiting until it is ready."""
        self._running(file_kinds.USUAL)

    def wait(self) -> None:
        """Return when a decoder is ready. Raises Overloaded if there can be none."""
        self._leave(self._take(file_kinds.USUAL))

    def prepare(
        self, data: bytes, preprocessing: Preprocessing, until: float | None = None
    ) -> Prepared:
        """Decode a file to the model's input, as `preprocess.prepare` does.

        ``until``: the deadline as monotonic time; None for `UNHURRIED_S` per attempt.
        Raises ImageProblem, UnsupportedType, and Overloaded where others leave no time.
        """
        kind = file_kinds.kind(data)
        self._await_ready(kind, until or _unhurried())
        with suppress(Exceeded), self._modest.enter(until):
            decoder = self._take(kind)
            try:
                return decoder.prepare(data, preprocessing, False, until or _unhurried())
            finally:
                self._leave(decoder)
        with self._large.enter(until):
            decoder = self._fork(kind)
            try:
                return decoder.prepare(data, preprocessing, True, until or _unhurried())
            except Exceeded:
                crashed = self._end(decoder)
                if crashed is None:
                    raise Overloaded("Decoding was interrupted; try again.") from None
                raise Undecodable(_CRASHED) if crashed else TooCostly(_TOO_COSTLY) from None
            finally:
                self._leave(decoder)

    def close(self) -> None:
        """End all processes."""
        with self._lock:
            parents = list(self._fork_servers.values())
        for parent in parents:
            self._drop(parent)

    def abandon(self) -> None:
        """Forget the processes, which belong to the process that this one was forked from."""
        for decoder in self._idle:
            decoder.close()
        for parent in self._fork_servers.values():
            parent.abandon()
        self.__init__()  # type: ignore[misc]

    def _await_ready(self, kind: str, until: float) -> None:
        """Wait for the imports that the first file of a kind needs, without taking a place."""
        try:
            self._running(kind).wait(until)
        except TimeoutError:
            raise Overloaded("The decoder for this format is starting; try again.") from None
        except GONE:
            return  # `_fork` starts another

    def _take(self, kind: str) -> Decoder:
        with self._lock:
            for decoder in reversed(self._idle):
                if decoder.parent is self._fork_servers.get(kind):
                    self._idle.remove(decoder)
                    return decoder
        return self._fork(kind)

    def _fork(self, kind: str) -> Decoder:
        for _ in range(2):
            parent = self._running(kind)
            try:
                return Decoder(parent)
            except GONE:
                self._drop(parent)
        raise Overloaded("The decoders cannot be started at the moment; try again.")

    def _leave(self, decoder: Decoder) -> None:
        """Keep a decoder for the next picture if it is fit for that."""
        if not decoder.reusable:
            self._end(decoder)
            return
        with self._lock:
            self._idle.append(decoder)
            spare = self._idle.pop(0) if len(self._idle) > MODEST_PLACES else None
        if spare:
            self._end(spare)

    def _end(self, decoder: Decoder) -> bool | None:
        """End a decoder unless it was ended before; return whether it had crashed.

        None if that is unknown because its fork server has gone.
        """
        decoder.close()
        parent, decoder.parent = decoder.parent, None
        if parent is None:
            return None
        try:
            return parent.end(decoder.pid)
        except GONE:
            self._drop(parent)
            return None

    def _running(self, kind: str) -> ForkServer:
        with self._lock:
            if kind not in self._fork_servers:
                self._fork_servers[kind] = fork_server.obtain(kind)
            return self._fork_servers[kind]

    def _drop(self, parent: ForkServer) -> None:
        """End a fork server and its decoders, unless that was done."""
        with self._lock:
            if self._fork_servers.get(parent.kind) is parent:
                del self._fork_servers[parent.kind]
            orphans = [decoder for decoder in self._idle if decoder.parent is parent]
            self._idle = [decoder for decoder in self._idle if decoder not in orphans]
        for decoder in orphans:
            decoder.close()
        parent.close()


def _unhurried() -> float:
    return time.monotonic() + UNHURRIED_S


# One for the process, however many applications it holds.
shared = Decoders()
atexit.register(shared.close)
os.register_at_fork(after_in_child=shared.abandon)
