"""Bounded memory: how many pixels may be decoded at a time, and who waits for how long."""

import contextlib
import ctypes
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import Overloaded

# A large image takes a second or two on one core; a client that waits longer had better try again.
PATIENCE_S = 10.0
# Each that waits holds its upload in memory.
WAITING = 8

# Of glibc's malloc.h; other C libraries have no mallopt, or ignore it.
_M_MMAP_THRESHOLD = -3
_LARGE_BYTES = 1024 * 1024


def return_what_is_freed() -> None:
    """Let large blocks go back to the system when they are freed, in every thread.

    Without it, eight large pictures at a time leave a worker with over a gigabyte that it never
    returns. Not for processes that train: they free as much again and again.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)


class DecodeBudget:
    """Room for so many pixels at a time. Safe for use by several threads.

    Who finds no room waits in line, first come, first served, so that a large image is not kept
    waiting by small ones that always fit. An image larger than the whole room is let in alone.
    """

    def __init__(
        self, pixels: int, waiting: int | None = WAITING, patience_s: float | None = PATIENCE_S
    ) -> None:
        """``waiting`` at most in line, each for ``patience_s`` at most; None for no limit."""
        self._pixels, self._waiting, self._patience_s = pixels, waiting, patience_s
        self._used = 0
        self._line: deque[object] = deque()
        self._changed = threading.Condition()

    @contextmanager
    def take(self, pixels: int) -> Iterator[None]:
        """Hold room for so many pixels. Raises Overloaded, at once if the line is full already."""
        share = min(pixels, self._pixels)
        with self._changed:
            self._wait(share)
            self._used += share
        try:
            yield
        finally:
            with self._changed:
                self._used -= share
                self._changed.notify_all()

    def _wait(self, share: int) -> None:
        if not self._line and self._fits(share):
            return
        if self._waiting is not None and len(self._line) >= self._waiting:
            raise Overloaded("Too many images are being decoded and waiting; try again.")
        ticket = object()
        self._line.append(ticket)
        try:
            if not self._changed.wait_for(
                lambda: self._line[0] is ticket and self._fits(share), self._patience_s
            ):
                raise Overloaded(
                    f"The image waited {self._patience_s:g} s for others to be decoded; try again."
                )
        finally:
            self._line.remove(ticket)
            # The next in line may fit beside this one.
            self._changed.notify_all()

    def _fits(self, share: int) -> bool:
        return self._used + share <= self._pixels
