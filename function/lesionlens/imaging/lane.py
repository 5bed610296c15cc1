"""A queue of limited length for a limited number of slots."""

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import Overloaded


class Lane:
    """A limited number of slots, first come, first served. Thread-safe."""

    def __init__(self, places: int, waiting: int) -> None:
        """``places``: slots; ``waiting``: requests with a deadline that may wait for one."""
        self._free, self._waiting = places, waiting
        self._line: deque[object] = deque()
        self._changed = threading.Condition()

    @contextmanager
    def enter(self, until: float | None) -> Iterator[None]:
        """Occupy a slot in this block, after waiting for one to become free.

        ``until``: deadline on the clock of `time.monotonic`; None to wait without limit, however
        long the queue is. Raises Overloaded at the deadline, or at once if the queue is full.
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
            # Another slot may be free for the next request in the queue.
            self._changed.notify_all()
