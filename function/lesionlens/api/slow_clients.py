"""Limits for slow clients, which occupy a thread while they send a body or read an answer.

While threads are free, a client may be as slow as the slowest mobile connection. Once uploads keep
others waiting, each must be as fast as a usual mobile connection, or it is answered 408.
"""

import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from .deadlines import DEADLINES

# A body may stall for STALL_S, and must arrive at SLOWEST_UPLOAD bytes per second on average.
STALL_S, SLOWEST_UPLOAD = 5.0, 4096
# While uploads keep others waiting: the same, and the time for a whole body.
HURRIED_STALL_S, HURRIED_UPLOAD = 1.0, 32 * 1024
HURRIED_S = 10.0
GLANCE_S = 0.25  # between two checks whether others are waiting
# For a client to read an answer: ANSWER_S, and a second more for each SLOWEST bytes of it.
ANSWER_S = 5.0
SLOWEST = 50_000
# After an answer that ends the connection, the client may still be sending and not reading yet.
# Closing at once would reset the connection, and the answer would be lost (RFC 9112, 9.6).
LINGER_BYTES = 64 * 1024 * 1024
LINGER_S = 10.0
LINGER_IDLE_S = 1.0


class Uploads:
    """Watches the bodies that are being received. Thread-safe."""

    def __init__(self, hold_up: Callable[[int], bool]) -> None:
        """``hold_up``: tells whether a number of uploads keeps other connections waiting."""
        self._hold_up = hold_up
        self._lock = threading.Lock()
        self._count = 0

    @contextmanager
    def moving(self, unreader: Any, client: socket.socket) -> Iterator[None]:
        """In this block, reading from a client that is too slow raises TimeoutError.

        ``unreader``: gunicorn's, whose method ``chunk`` is wrapped. Each byte that arrives extends
        the time for the next one, up to the time for which a body may stall.
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
    """Yield the parts of an answer; shut the connection down if writing them takes too long."""
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
    """Close our side of a connection, and discard what the client still sends, within limits.

    ``wanted``: tells whether others wait for this thread, which shortens the time limit.
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
