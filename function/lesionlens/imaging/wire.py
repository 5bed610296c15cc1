"""Messages between the server and its decoder processes: a JSON object, followed by bytes.

Usual messages are sent and received with one system call each.
"""

import json
import socket
import struct
import time
from collections.abc import Mapping
from typing import Any

# A compromised decoder must not make the server allocate without bound.
MAX_HEAD = 64 * 1024
# Bytes of a usual message. Up to this size, joining its parts takes less time than waking the peer
# twice.
USUAL = 256 * 1024

_LENGTHS = struct.Struct("=II")


class Peer:
    """A connected socket with a receive buffer. Messages alternate: a request, then its answer."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._buffer = memoryview(bytearray(USUAL))

    def send(
        self,
        head: Mapping[str, Any] | bytes,
        body: bytes | memoryview = b"",
        until: float | None = None,
    ) -> None:
        """Send an object, given as such or as JSON, and bytes.

        ``until``: deadline on the clock of `time.monotonic`. Raises TimeoutError, and another
        OSError if the peer has exited.
        """
        text = head if isinstance(head, bytes) else json.dumps(head).encode()
        pieces = [_LENGTHS.pack(len(text), len(body)), text, body]
        for piece in [b"".join(pieces)] if len(body) <= USUAL else pieces:
            self._limit(until)
            self._socket.sendall(piece)

    def receive(self, most: int, until: float | None = None) -> tuple[bytes, bytes]:
        """Receive a message; return the object's JSON and the bytes, at most ``most``.

        Raises TimeoutError, EOFError or another OSError if the peer has exited, and ValueError for
        a malformed message.
        """
        start = _LENGTHS.size
        count = self._fill(0, start, until)
        head_length, body_length = _LENGTHS.unpack_from(self._buffer)
        if head_length > MAX_HEAD or body_length > most:
            raise ValueError("longer than agreed")
        end = start + head_length + body_length
        count = self._fill(count, min(end, USUAL), until)
        if count > end:
            raise ValueError("more than one message")
        text = bytes(self._buffer[start : start + head_length])
        body = bytes(self._buffer[start + head_length : count])
        return text, body + self._exactly(end - count, until) if count < end else body

    def _fill(self, count: int, least: int, until: float | None) -> int:
        """Receive until the buffer holds ``least`` bytes; return how many it holds."""
        while count < least:
            self._limit(until)
            received = self._socket.recv_into(self._buffer[count:])
            if not received:
                raise EOFError("the other process has gone")
            count += received
        return count

    def _exactly(self, count: int, until: float | None) -> bytes:
        pieces: list[bytes] = []
        while count:
            self._limit(until)
            piece = self._socket.recv(count, socket.MSG_WAITALL)
            if not piece:
                raise EOFError("the other process has gone")
            pieces.append(piece)
            count -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _limit(self, until: float | None) -> None:
        if until is not None:
            left = until - time.monotonic()
            if left <= 0:
                raise TimeoutError("too late")
            self._socket.settimeout(left)

    def close(self) -> None:
        """Close the socket; the peer's next `receive` raises EOFError."""
        self._socket.close()


def parsed(text: bytes) -> dict[str, Any]:
    """Parse the object of a message. Raises ValueError if it is not a JSON object."""
    head = json.loads(text)
    if not isinstance(head, dict):
        raise ValueError("not an object")
    return head
