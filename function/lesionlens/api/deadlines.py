"""How long a client may take to send a head or a body, and to read an answer.

Each of them occupies a thread of the server, and a socket's own time-out starts again with every
byte. So one more thread watches the sockets and shuts down those that are late: a blocked reader
then sees the end of the stream, a blocked writer a broken pipe.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

TICK_S = 0.25
IDLE_S = 60.0  # for which the watching thread stays: to start one costs more than a request's log


@dataclass(frozen=True, eq=False)
class Deadline:
    client: socket.socket
    until: float  # time.monotonic()
    how: int  # what to shut down: socket.SHUT_RD or SHUT_RDWR


class Deadlines:
    """Ends what is late. Thread-safe; its own thread ends when nothing was watched for a while."""

    def __init__(self) -> None:
        self._open: set[Deadline] = set()
        self._lock = threading.Lock()
        self._running = False

    def begin(self, client: socket.socket, seconds: float, how: int = socket.SHUT_RD) -> Deadline:
        deadline = Deadline(client, time.monotonic() + seconds, how)
        with self._lock:
            self._open.add(deadline)
            if not self._running:
                self._running = True
                threading.Thread(target=self._run, daemon=True).start()
        return deadline

    def end(self, deadline: Deadline) -> bool:
        """Stop watching; return whether it was in time.

        From here on the socket is left alone: its descriptor may soon be another client's.
        """
        with self._lock:
            in_time = deadline in self._open
            self._open.discard(deadline)
            return in_time

    @contextlib.contextmanager
    def within(self, client: socket.socket, seconds: float) -> Iterator[None]:
        """Bound the reading in the block. Raises TimeoutError where it was late."""
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


# Of this process. gunicorn forks its workers before any request, and so before any thread.
DEADLINES = Deadlines()
