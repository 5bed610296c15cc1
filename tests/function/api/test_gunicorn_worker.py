"""The bounds of the server's worker that do not need a server."""

import collections
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from lesionlens.api import gunicorn_worker


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """The server's end of a connection, and the client's."""
    ours, theirs = socket.socketpair()
    ours.settimeout(30)
    with ours, theirs:
        yield ours, theirs


class Unreader:
    """Of gunicorn: what reads from a client."""

    def __init__(self, client: socket.socket) -> None:
        self.client = client

    def chunk(self, size_hint: int | None = None) -> bytes:
        return self.client.recv(size_hint or 8192)


def test_a_body_that_stands_still_is_not_waited_for(
    ends: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gunicorn_worker, "STALL_S", 0.2)
    unreader = Unreader(ends[0])
    with gunicorn_worker._moving(unreader, ends[0]):
        ends[1].sendall(b"x" * 5000)
        assert len(unreader.chunk(5000)) == 5000
        with pytest.raises(TimeoutError):
            unreader.chunk(5000)
    assert ends[0].gettimeout() is None
    ends[1].sendall(b"the next request")
    assert unreader.chunk() == b"the next request"


def test_a_body_that_drips_is_not_waited_for(
    ends: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each byte alone comes in time."""
    monkeypatch.setattr(gunicorn_worker, "STALL_S", 0.5)
    late = threading.Event()

    def drip() -> None:
        while not late.wait(0.05):
            ends[1].sendall(b"x")

    unreader = Unreader(ends[0])
    with ThreadPoolExecutor(1) as threads, gunicorn_worker._moving(unreader, ends[0]):
        dripping = threads.submit(drip)
        try:
            with pytest.raises(TimeoutError):
                collections.deque(iter(unreader.chunk, b""), maxlen=0)
        finally:
            late.set()
        dripping.result()


def test_what_arrives_buys_time(
    ends: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Waits that add up to more than a body may stand still."""
    monkeypatch.setattr(gunicorn_worker, "STALL_S", 1.0)

    def send_late() -> None:
        time.sleep(0.4)
        ends[1].sendall(b"x" * 5000)

    unreader = Unreader(ends[0])
    with ThreadPoolExecutor(1) as threads, gunicorn_worker._moving(unreader, ends[0]):
        for _ in range(4):
            sending = threads.submit(send_late)
            assert len(unreader.chunk(5000)) == 5000
            sending.result()


def test_an_answer_that_nobody_reads_is_given_up(
    ends: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gunicorn_worker, "ANSWER_S", 0.3)
    monkeypatch.setattr(gunicorn_worker, "SLOWEST", 10**9)
    started = time.monotonic()
    writing = gunicorn_worker._within([b"x" * 10_000_000], ends[0])
    part = next(writing)
    with pytest.raises(BrokenPipeError):
        ends[0].sendall(part)
    assert time.monotonic() - started < 5


def test_time_between_the_parts_of_an_answer_is_the_services_own(
    ends: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gunicorn_worker, "ANSWER_S", 0.3)

    def parts() -> Iterator[bytes]:
        for _ in range(3):
            time.sleep(0.4)
            yield b"x"

    for part in gunicorn_worker._within(parts(), ends[0]):
        ends[0].sendall(part)
    assert ends[1].recv(10) == b"xxx"
