"""Messages between server and decoder, and their validation."""

import socket
import struct
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from lesionlens.imaging import wire
from lesionlens.imaging.wire import Peer

MOST = 10_000_000


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


@pytest.mark.parametrize(
    "size", [0, 1, 100_000, wire.USUAL - 100, wire.USUAL, wire.USUAL + 1, 5_000_000]
)
def test_messages_arrive_as_they_were_sent(
    ends: tuple[socket.socket, socket.socket], size: int
) -> None:
    ours, theirs = map(Peer, ends)
    body = np.random.default_rng(1).integers(0, 256, size, np.uint8)
    for sent in (body.data, body.tobytes()):
        sender = threading.Thread(target=ours.send, args=({"size": size}, sent))
        sender.start()
        text, received = theirs.receive(MOST, time.monotonic() + 30)
        sender.join()
        assert wire.parsed(text) == {"size": size}
        assert received == body.tobytes()
        theirs.send(b"{}")
        assert ours.receive(0) == (b"{}", b"")


@pytest.mark.parametrize(
    ("sent", "error", "message"),
    [
        (b"", EOFError, "gone"),
        (b"\1\0", EOFError, "gone"),
        (struct.pack("=II", 2, 5) + b"{}abc", EOFError, "gone"),
        (struct.pack("=II", 2, 1_000_000) + b"{}abc", EOFError, "gone"),
        (struct.pack("=II", wire.MAX_HEAD + 1, 0), ValueError, "longer than agreed"),
        (struct.pack("=II", 2, MOST + 1) + b"{}", ValueError, "longer than agreed"),
        (struct.pack("=II", 2, 0) + b"{}{}", ValueError, "more than one message"),
    ],
)
def test_what_the_other_side_would_not_send_is_refused(
    ends: tuple[socket.socket, socket.socket], sent: bytes, error: type[Exception], message: str
) -> None:
    ends[0].sendall(sent)
    ends[0].shutdown(socket.SHUT_WR)
    with pytest.raises(error, match=message):
        Peer(ends[1]).receive(MOST)


def test_nobody_waits_beyond_the_deadline(ends: tuple[socket.socket, socket.socket]) -> None:
    peer = Peer(ends[0])
    with pytest.raises(TimeoutError):
        peer.receive(MOST, time.monotonic() + 0.05)
    with pytest.raises(TimeoutError):
        peer.send({}, b"x" * MOST, time.monotonic() + 0.05)
    with pytest.raises(TimeoutError):
        peer.receive(MOST, time.monotonic() - 1)


@pytest.mark.parametrize("text", [b"[]", b"1", b"{", b"\xff"])
def test_a_head_is_an_object(text: bytes) -> None:
    with pytest.raises(ValueError):
        wire.parsed(text)
