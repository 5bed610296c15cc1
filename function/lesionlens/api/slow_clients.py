"""How long a client may take to send a body and to take an answer, since it holds a thread.

While threads are left, a client may be as slow as the slowest telephone. Once uploads hold others
up, each must be as fast as a usual telephone, or it is answered 408.
"""

import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from .deadlines import DEADLINES

# A body may stand still for STALL_S, and must arrive at SLOWEST_UPLOAD bytes a second on average.
STALL_S, SLOWEST_UPLOAD = 5.0, 4096
# While uploads hold others up: the same, and the time for a whole body.
HURRIED_STALL_S, HURRIED_UPLOAD = 1.0, 32 * 1024
HURRIED_S = 10.0
GLANCE_S = 0.25  # between two looks at whether others are held up
ANSWER_S = 5.0  # for a client to take an answer, and a second more for each SLOWEST bytes of it
SLOWEST = 50_000
# After an answer that ends the connection, its client may still be sending and not yet reading:
# closing at once would reset the connection, and the answer would be lost (RFC 9112, 9.6).
LINGER_BYTES = 64 * 1024 * 1024
LINGER_S = 10.0
LINGER_IDLE_S = 1.0


class Uploads:
    """The bodies that are being waited for. Thread-safe."""

    def __init__(self, hold_up: Callable[[int], bool]) -> None:
        """``hold_up``: whether so many uploads hold others up."""
        self._hold_up = hold_up
        self._lock = threading.Lock()
        self._count = 0

    @contextmanager
    def moving(self, unreader: Any, client: socket.socket) -> Iterator[None]:
        """Within the block, let reading from a client that is too slow raise TimeoutError.

        Each byte that arrives buys time, up to what a body may stand still.
        """
        read: Callable[[int | None], bytes] = unreader.chunk
        began = time.monotonic()
        left = STALL_S

        def chunk(size_hint: int | None = None) -> bytes:
            nonlocal left
            with self._counted():
                while True:
                    now = time.monotonic()
                    slowest = SLOWEST_UPLOAD
                    if self._hold_up(self._count):
                        slowest = HURRIED_UPLOAD
                        left = min(left, HURRIED_STALL_S, began + HURRIED_S - now)
                    client.settimeout(min(max(left, 0.001), GLANCE_S))
                    try:
                        received = read(size_hint)
                    except TimeoutError:
                        left -= time.monotonic() - now
                        if left <= 0:
                            raise
                        continue
                    finally:
                        client.settimeout(None)
                    left += len(received) / slowest - (time.monotonic() - now)
                    left = min(left, STALL_S)
                    return received

        unreader.chunk = chunk
        try:
            yield
        finally:
            del unreader.chunk

    @contextmanager
    def _counted(self) -> Iterator[None]:
        with self._lock:
            self._count += 1
        try:
            yield
        finally:
            with self._lock:
                self._count -= 1


def within(body: Iterable[bytes], client: socket.socket) -> Iterator[bytes]:
    """Yield the parts of an answer; shut the connection down where writing them takes too long."""
    left = ANSWER_S
    for part in body:
        left += len(part) / SLOWEST
        started = time.monotonic()
        deadline = DEADLINES.begin(client, left, socket.SHUT_RDWR)
        try:
            yield part
        finally:
            DEADLINES.end(deadline)
        left -= time.monotonic() - started


def linger(client: socket.socket, wanted: Callable[[], bool]) -> None:
    """Tell the client that nothing more comes, and read what it still sends, within bounds.

    ``wanted``: whether others wait for this thread, which shortens the bounds.
    """
    left, started = LINGER_BYTES, time.monotonic()
    try:
        client.shutdown(socket.SHUT_WR)
        client.settimeout(LINGER_IDLE_S)
        while left > 0:
            received = len(client.recv(1 << 16))
            bound = LINGER_IDLE_S if wanted() else LINGER_S
            if not received or time.monotonic() > started + bound:
                return
            left -= received
    except OSError:
        return
