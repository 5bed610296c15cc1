"""A queue of requests for a limited number of places, itself limited in length."""

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import Overloaded


class Lane:
    """A limited number of places, first come, first served. Thread-safe."""

    def __init__(self, places: int, waiting: int) -> None:
        """``waiting``: how many requests with a deadline may stand in line."""
        self._free, self._waiting = places, waiting
        self._line: deque[object] = deque()
        self._changed = threading.Condition()

    @contextmanager
    def enter(self, until: float | None) -> Iterator[None]:
        """Hold a place. Raises Overloaded at the monotonic time ``until``, or if the line is full.

        Without a deadline this waits without limit.
        """
        with self._changed:
            self._wait(until)
            self._free -= 1
        try:
            yield
        finally:
            with self._changed:
                self._free += 1
                self._changed.notify_all()

    def _wait(self, until: float | None) -> None:
        if not self._line and self._free:
            return
        if until is not None and len(self._line) >= self._waiting:
            raise Overloaded("Too many images are being decoded and waiting; try again.")
        ticket = object()
        self._line.append(ticket)
        try:
            left = None if until is None else until - time.monotonic()
            if not self._changed.wait_for(lambda: self._line[0] is ticket and self._free > 0, left):
                raise Overloaded("The image waited too long for others to be decoded; try again.")
        finally:
            self._line.remove(ticket)
            # The next in line may find a place beside this one.
            self._changed.notify_all()
