"""How long a client may take to send a body: a thread of the server waits for each.

A socket's own time-out begins anew with every byte that arrives. So one thread watches all bodies
that are being read, and ends the reading of those that are late: what reads them finds their end.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import flask

from ..errors import TooSlow

TICK_S = 0.25


@dataclass(frozen=True, eq=False)
class Reading:
    """A body that is being read."""

    client: socket.socket
    body: Any
    until: float


class Watch:
    """Ends late readings. Safe for use by several threads; its own lives while it has work."""

    def __init__(self) -> None:
        self._readings: set[Reading] = set()
        self._lock = threading.Lock()
        self._running = False

    @contextlib.contextmanager
    def over(self, request: flask.Request, seconds: int) -> Iterator[None]:
        """Raises TooSlow where the body is not read in that time.

        Only gunicorn, which serves wherever this runs for others, hands out the client's socket.
        """
        client = request.environ.get("gunicorn.socket")
        if client is None:
            yield
            return
        reading = Reading(client, request.environ["wsgi.input"], time.monotonic() + seconds)
        self._begin(reading)
        try:
            yield
        finally:
            if not self._end(reading):
                raise TooSlow(
                    f"The body did not arrive within {seconds} seconds; "
                    "accepted is a smaller one, or a faster connection."
                ) from None

    def _begin(self, reading: Reading) -> None:
        with self._lock:
            self._readings.add(reading)
            if not self._running:
                self._running = True
                threading.Thread(target=self._run, daemon=True).start()

    def _end(self, reading: Reading) -> bool:
        with self._lock:
            # From here on the socket is left alone: it may soon be another client's.
            in_time = reading in self._readings
            self._readings.discard(reading)
            return in_time

    def _run(self) -> None:
        while True:
            time.sleep(TICK_S)
            with self._lock:
                now = time.monotonic()
                for late in [reading for reading in self._readings if reading.until < now]:
                    self._readings.remove(late)
                    # What still arrives must not be taken for the connection's next request.
                    late.body.failed = True
                    with contextlib.suppress(OSError):
                        late.client.shutdown(socket.SHUT_RD)
                self._running = bool(self._readings)
                if not self._running:
                    return
