"""What the server and its decoder processes say to each other: a JSON object, then bytes."""

import json
import socket
import struct
import time
from typing import Any

# A compromised decoder must not make the server allocate without bound.
MAX_HEAD = 64 * 1024

# Bytes up to which a copy costs less than to wake up twice.
_JOINED = 256 * 1024

_LENGTHS = struct.Struct("=II")


def send(
    peer: socket.socket, head: dict[str, Any], body: bytes = b"", until: float | None = None
) -> None:
    """Raises TimeoutError at the monotonic time ``until``, and OSError if the peer has gone."""
    text = json.dumps(head).encode()
    start = _LENGTHS.pack(len(text), len(body)) + text
    if len(body) <= _JOINED:
        # The other process wakes up once.
        start, body = start + body, b""
    for piece in filter(None, (start, body)):
        _limit(peer, until)
        peer.sendall(piece)


def receive(
    peer: socket.socket, most: int, until: float | None = None
) -> tuple[dict[str, Any], bytes]:
    """Return what `send` sent, the body of ``most`` bytes at most.

    Raises TimeoutError, EOFError if the peer has gone, OSError, and ValueError for what `send`
    would not send.
    """
    head_length, body_length = _LENGTHS.unpack(_exactly(peer, _LENGTHS.size, until))
    if head_length > MAX_HEAD or body_length > most:
        raise ValueError("longer than agreed")
    head = json.loads(_exactly(peer, head_length, until))
    if not isinstance(head, dict):
        raise ValueError("not an object")
    return head, _exactly(peer, body_length, until)


def _exactly(peer: socket.socket, count: int, until: float | None) -> bytes:
    """Receive a number of bytes, without a copy where they come at once."""
    pieces: list[bytes] = []
    while count:
        _limit(peer, until)
        piece = peer.recv(count, socket.MSG_WAITALL)
        if not piece:
            raise EOFError("the other process has gone")
        pieces.append(piece)
        count -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _limit(peer: socket.socket, until: float | None) -> None:
    if until is not None:
        left = until - time.monotonic()
        if left <= 0:
            raise TimeoutError("too late")
        peer.settimeout(left)
