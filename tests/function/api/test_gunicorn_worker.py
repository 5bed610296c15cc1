"""The bounds of the server's worker that do not need a server."""

import socket
import time
from collections.abc import Iterator

import pytest

from lesionlens.api import gunicorn_worker


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """The server's end of a connection, and the client's."""
    ours, theirs = socket.socketpair()
    ours.settimeout(30)
    with ours, theirs:
        yield ours, theirs


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
