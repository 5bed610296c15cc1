"""Deadlines for a client to send a request's head or body, or to read an answer.

Meanwhile the connection occupies a thread of the server, and a socket's own timeout starts again
with every byte. So a further thread watches the sockets and shuts down those that are late: a
blocked read then returns the end of the stream, and a blocked write raises BrokenPipeError.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

TICK_S = 0.25
# For which the watching thread stays without a deadline: starting one takes longer than logging a
# request.
IDLE_S = 60.0


@dataclass(frozen=True, eq=False)
class Deadline:
    """A socket that is shut down unless `Deadlines.end` is called in time."""

    client: socket.socket
    until: float  # time.monotonic()
    how: int  # what to shut down: socket.SHUT_RD or SHUT_RDWR


class Deadlines:
    """Shuts down sockets that are late. Thread-safe; its thread ends after `IDLE_S` without use."""

    def __init__(self) -> None:
        self._open: set[Deadline] = set()
        self._lock = threading.Lock()
        self._running = False

    def begin(self, client: socket.socket, seconds: float, how: int = socket.SHUT_RD) -> Deadline:
        """Start watching a socket; after ``seconds`` it is shut down as ``how`` says.

        `TICK_S` is the precision.
        """
        deadline = Deadline(client, time.monotonic() + seconds, how)
        with self._lock:
            self._open.add(deadline)
            if not self._running:
                self._running = True
                threading.Thread(target=self._run, daemon=True).start()
        return deadline

    def end(self, deadline: Deadline) -> bool:
        """Stop watching a socket; return whether it was in time.

        After this call the socket is not shut down any more: its descriptor may be reused for
        another client.
        """
        with self._lock:
            in_time = deadline in self._open
            self._open.discard(deadline)
            return in_time

    @contextlib.contextmanager
    def within(self, client: socket.socket, seconds: float) -> Iterator[None]:
        """Bound the time for reading in this block. Raises TimeoutError at its end if exceeded."""
        deadline = self.begin(client, seconds)
        try:
            yield
        finally:
            if not self.end(deadline):
                raise TimeoutError

    def _run(self) -> None:
        needed = time.monotonic()
        while True:
            time.sleep(TICK_S)
            with self._lock:
                now = time.monotonic()
                for late in [deadline for deadline in self._open if deadline.until < now]:
                    self._open.remove(late)
                    with contextlib.suppress(OSError):
                        late.client.shutdown(late.how)
                if self._open:
                    needed = now
                elif now - needed > IDLE_S:
                    self._running = False
                    return


# Of this process. gunicorn forks its workers before any request, so no thread is lost in a fork.
DEADLINES = Deadlines()
