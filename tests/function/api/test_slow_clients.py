"""Timeouts for slow clients, on socket pairs without a server."""

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from lesionlens.api import slow_clients
from lesionlens.api.slow_clients import Uploads


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """The server's end of a connection, and the client's."""
    ours, theirs = socket.socketpair()
    ours.settimeout(30)
    with ours, theirs:
        yield ours, theirs


class Unreader:
    """Reads from a client, with the interface of gunicorn's Unreader."""

    def __init__(self, client: socket.socket) -> None:
        self.client = client

    def chunk(self, size_hint: int | None = None) -> bytes:
        return self.client.recv(size_hint or 8192)


@contextmanager
def sending(client: socket.socket, data: bytes, interval_s: float) -> Iterator[None]:
    """Send ``data`` repeatedly, every ``interval_s`` seconds, while the block runs."""
    done = threading.Event()

    def send() -> None:
        while not done.wait(interval_s):
            client.sendall(data)

    with ThreadPoolExecutor(1) as threads:
        sender = threads.submit(send)
        try:
            yield
        finally:
            done.set()
        sender.result()


def exhaust(unreader: Unreader) -> int:
    """Read until TimeoutError is raised; return the number of bytes that arrived."""
    received = 0
    try:
        for part in iter(unreader.chunk, b""):
            received += len(part)
    except TimeoutError:
        return received
    raise AssertionError("the connection was closed")


def alone(_: int) -> bool:
    """Uploads do not keep others waiting."""
    return False


def test_a_body_that_stands_still_is_not_waited_for(
    ends: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slow_clients, "STALL_S", 0.2)
    unreader = Unreader(ends[0])
    with Uploads(alone).moving(unreader, ends[0]):
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
    """The interval between bytes is shorter than the limit, but the rate is too low."""
    monkeypatch.setattr(slow_clients, "STALL_S", 0.5)
    unreader = Unreader(ends[0])
    with Uploads(alone).moving(unreader, ends[0]), sending(ends[1], b"x", 0.05):
        exhaust(unreader)


def test_a_body_may_pause_again_after_bytes_arrive(
    ends: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pauses whose sum exceeds the limit of one pause."""
    monkeypatch.setattr(slow_clients, "STALL_S", 1.0)

    def send_late() -> None:
        time.sleep(0.4)
        ends[1].sendall(b"x" * 5000)

    unreader = Unreader(ends[0])
    with ThreadPoolExecutor(1) as threads, Uploads(alone).moving(unreader, ends[0]):
        for _ in range(4):
            sending = threads.submit(send_late)
            assert len(unreader.chunk(5000)) == 5000
            sending.result()


def test_slow_bodies_give_way_once_they_hold_others_up(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    """At 20 kB a second: fast enough by itself, too slow while others wait."""
    unreader = Unreader(ends[0])
    counts: list[int] = []

    def hold_up(uploads: int) -> bool:
        counts.append(uploads)
        return len(counts) > 40

    with Uploads(hold_up).moving(unreader, ends[0]), sending(ends[1], b"x" * 1000, 0.05):
        exhaust(unreader)
    assert len(counts) > 40
    assert set(counts) == {1}


def test_a_fast_body_may_hold_others_up_for_a_while(
    ends: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slow_clients, "HURRIED_S", 0.5)
    unreader = Unreader(ends[0])
    uploads = Uploads(lambda _: True)
    with uploads.moving(unreader, ends[0]), sending(ends[1], b"x" * 50_000, 0.01):
        assert exhaust(unreader) > 100_000


def test_lingering_ends_early_once_others_wait(
    ends: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slow_clients, "LINGER_IDLE_S", 0.3)
    monkeypatch.setattr(slow_clients, "LINGER_S", 600.0)
    with sending(ends[1], b"x", 0.01):
        slow_clients.linger(ends[0], lambda: True)


def test_an_answer_that_nobody_reads_is_given_up(
    ends: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slow_clients, "ANSWER_S", 0.3)
    monkeypatch.setattr(slow_clients, "SLOWEST", 10**9)
    started = time.monotonic()
    writing = slow_clients.within([b"x" * 10_000_000], ends[0])
    part = next(writing)
    with pytest.raises(BrokenPipeError):
        ends[0].sendall(part)
    assert time.monotonic() - started < 5


def test_time_between_the_parts_of_an_answer_is_the_services_own(
    ends: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slow_clients, "ANSWER_S", 0.3)

    def parts() -> Iterator[bytes]:
        for _ in range(3):
            time.sleep(0.4)
            yield b"x"

    for part in slow_clients.within(parts(), ends[0]):
        ends[0].sendall(part)
    assert ends[1].recv(10) == b"xxx"
