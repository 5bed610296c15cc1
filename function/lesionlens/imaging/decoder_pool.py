"""Decodes files in separate processes with limits: the interface for the server.

A usual picture is decoded by one of a few processes that are reused, within modest limits. A
picture that needs more waits for the single slot with large limits, in a process of its own. A
picture that exceeds those is refused. SECURITY.md has the bounds that follow.
"""

import atexit
import os
import threading
import time
from contextlib import suppress

from ..errors import Overloaded, TooCostly, Undecodable
from . import file_kinds, fork_server
from .decoder_client import Decoder, Exceeded
from .fork_server import GONE, ForkServer
from .lane import Lane
from .model_input import Prepared, Preprocessing
from .sizes import LARGE_MEMORY, LARGE_SECONDS

# Slots and waiting requests for usual pictures. Decoding is CPU-bound: more slots gain nothing.
MODEST_PLACES, MODEST_WAITING = 2, 16
# Two large pictures at a time would not fit into the memory of an instance.
LARGE_PLACES, LARGE_WAITING = 1, 3
# Seconds for one attempt if the caller sets no deadline.
UNHURRIED_S = 60.0

_CRASHED = (
    "The image file is damaged: its decoder crashed on it. Send it as a plain PNG or JPEG, written "
    "anew."
)
_TOO_COSTLY = (
    f"The image would cost more than {LARGE_MEMORY // 2**20} MiB or {LARGE_SECONDS:g} s of the "
    "processor to decode; send it smaller, or as a baseline JPEG."
)


class DecoderPool:
    """The decoder processes of this server process. Thread-safe.

    Each kind of file (`file_kinds.kind`) has its own fork server, started with the first such file
    or by `start`, so that usual files never wait for the imports of other formats. A fork server
    that has exited is replaced when the next file needs it.
    """

    def __init__(self) -> None:
        self._modest = Lane(MODEST_PLACES, MODEST_WAITING)
        self._large = Lane(LARGE_PLACES, LARGE_WAITING)
        self._lock = threading.Lock()  # guards the next two; not held while waiting for a process
        self._fork_servers: dict[str, ForkServer] = {}
        self._idle: list[Decoder] = []

    def start(self) -> None:
        """Start the fork server of the usual formats, without waiting until it is ready."""
        self._running(file_kinds.USUAL)

    def wait(self) -> None:
        """Wait until a decoder is ready. Raises Overloaded if none can be started."""
        self._leave(self._take(file_kinds.USUAL))

    def prepare(
        self, data: bytes, preprocessing: Preprocessing, until: float | None = None
    ) -> Prepared:
        """Decode a file to the model's input, as `preprocess.prepare` does.

        ``until``: deadline on the clock of `time.monotonic`; None for `UNHURRIED_S` per attempt.
        Raises ImageProblem, UnsupportedType, and Overloaded if no slot is free in time.
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
        """Forget all processes, without ending them: they belong to the parent of this process."""
        for decoder in self._idle:
            decoder.close()
        for parent in self._fork_servers.values():
            parent.abandon()
        self.__init__()  # type: ignore[misc]

    def _await_ready(self, kind: str, until: float) -> None:
        """Wait for the imports of the first file of a kind, without occupying a slot."""
        try:
            self._running(kind).wait(until)
        except TimeoutError:
            raise Overloaded("The decoder for this format is starting; try again.") from None
        except GONE:
            return  # `_fork` starts another one

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
        """Keep a decoder for the next file if it can be reused; end it otherwise."""
        if not decoder.reusable:
            self._end(decoder)
            return
        with self._lock:
            self._idle.append(decoder)
            spare = self._idle.pop(0) if len(self._idle) > MODEST_PLACES else None
        if spare:
            self._end(spare)

    def _end(self, decoder: Decoder) -> bool | None:
        """End a decoder unless it was ended before; return whether it crashed.

        None if that is unknown because its fork server has exited.
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
        """End a fork server and its decoders, unless they were ended before."""
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


# One per process, even if it has several applications.
shared = DecoderPool()
atexit.register(shared.close)
os.register_at_fork(after_in_child=shared.abandon)
