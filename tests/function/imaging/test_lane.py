"""A bounded queue for a few slots, which threads occupy."""

import threading
import time

import pytest

from lesionlens.errors import Overloaded
from lesionlens.imaging.lane import Lane


class Holder:
    """A thread that waits for a slot and occupies it until told to leave."""

    def __init__(self, lane: Lane, until: float | None) -> None:
        self.inside, self._leave = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, args=(lane, until), daemon=True)
        self._thread.start()

    def _run(self, lane: Lane, until: float | None) -> None:
        with lane.enter(until):
            self.inside.set()
            self._leave.wait(30)

    def leave(self) -> None:
        self._leave.set()
        self._thread.join(30)


def later(seconds: float = 30) -> float:
    return time.monotonic() + seconds


def in_line(lane: Lane, number: int) -> None:
    """Wait until a number of threads are in the queue."""
    deadline = later()
    while len(lane._line) != number:
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_as_many_enter_as_there_are_places() -> None:
    lane = Lane(places=2, waiting=0)
    with lane.enter(later()), lane.enter(later()), pytest.raises(Overloaded, match="and waiting"):
        lane.enter(later()).__enter__()
    with lane.enter(later()):
        pass


def test_who_waits_too_long_is_sent_away_and_leaves_no_trace() -> None:
    lane = Lane(places=1, waiting=1)
    with lane.enter(None), pytest.raises(Overloaded, match="waited too long"):
        lane.enter(later(0.01)).__enter__()
    with lane.enter(None):
        pass


def test_the_line_is_bounded_and_served_in_its_order() -> None:
    lane = Lane(places=1, waiting=2)
    first = Holder(lane, later())
    assert first.inside.wait(30)
    second = Holder(lane, later())
    in_line(lane, 1)
    third = Holder(lane, later())
    in_line(lane, 2)
    with pytest.raises(Overloaded):
        lane.enter(later()).__enter__()
    # Threads without a deadline may always wait.
    patient = Holder(lane, None)
    in_line(lane, 3)
    for leaving, entering in ((first, second), (second, third), (third, patient)):
        assert not entering.inside.is_set()
        leaving.leave()
        assert entering.inside.wait(30)
    patient.leave()


def test_an_error_inside_gives_the_place_back() -> None:
    lane = Lane(places=1, waiting=0)
    with pytest.raises(ZeroDivisionError), lane.enter(later()):
        _ = 1 / 0
    with lane.enter(later()):
        pass
