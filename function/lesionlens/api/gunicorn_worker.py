"""gunicorn's threaded worker, with bounds on what a client can hold up, and a shorter way.

functions-framework builds its gunicorn application itself: it lifts the limit of the request line
and reads no configuration (no file, no GUNICORN_CMD_ARGS). It names no worker class either, so that
the default of this setting can be replaced before the server starts; see `install`.

The application is called without functions-framework's own around it, which would route every
request a second time and, after each answer, read what is left of its body into memory.

https://github.com/GoogleCloudPlatform/functions-framework-python, _http/gunicorn.py
"""

import select
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from gunicorn import config, util
from gunicorn.http.errors import ParseException
from gunicorn.workers.gthread import _DEFER, ThreadWorker
from werkzeug.wsgi import ClosingIterator

from . import heap
from .deadlines import DEADLINES, Deadline
from .slow_clients import Uploads, linger, within

REQUEST_LINE_BYTES = 8190  # gunicorn's own default
FIRST_BYTE_S = 1.0  # then a connection waits in the poller, without a thread
# A client that has more to ask does so at once: its connection keeps its thread for so long, unless
# others wait for one. Two threads would have to wake up to bring it back.
NEXT_MS = 5
NOTIFY_S = 1.0  # between two signs of life to the master, not with every event
HEAD_S = 3.0  # from the first byte of a request's head to its last


def install(application: Callable[..., Iterable[bytes]]) -> None:
    """Make `Worker`, serving this application, gunicorn's default worker class."""
    Worker.application = staticmethod(application)
    config.WorkerClass.default = f"{Worker.__module__}.{Worker.__qualname__}"


class Worker(ThreadWorker):  # type: ignore[misc]
    application: Callable[..., Iterable[bytes]]

    def init_process(self) -> None:
        self.cfg.set("limit_request_line", REQUEST_LINE_BYTES)
        self._head = threading.local()
        self._notified = 0.0
        self._uploads = Uploads(self._hold_up)
        heap.return_what_is_freed()
        super().init_process()

    def notify(self) -> None:
        now = time.monotonic()
        if now - self._notified >= NOTIFY_S:
            self._notified = now
            super().notify()

    def load_wsgi(self) -> None:
        super().load_wsgi()
        application = self.application

        def bounded(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            body = application(environ, start_response)
            writing = within(body, environ["gunicorn.socket"])
            return ClosingIterator(writing, getattr(body, "close", None))

        self.wsgi = bounded

    def handle(self, conn: Any) -> Any:
        if not conn.initialized and not conn.wait_for_data(FIRST_BYTE_S):
            return _DEFER
        reusable = self._answer(conn)
        while reusable is True and self._asks_again(conn):
            reusable = self._answer(conn)
        return reusable

    def _asks_again(self, conn: Any) -> bool:
        """Wait a moment for a connection's next request, if no other waits for this thread."""
        if self._wanted() or not self.alive or conn.parser.unreader.buf.getvalue():
            return False
        poll = select.poll()
        poll.register(conn.sock, select.POLLIN)
        return bool(poll.poll(NEXT_MS))

    def _wanted(self) -> bool:
        """Whether a connection waits for a thread."""
        return not self.tpool._work_queue.empty()

    def _hold_up(self, uploads: int) -> bool:
        """Whether this number of uploads keeps others waiting for a thread, or is about to."""
        return self._wanted() or uploads >= max(self.cfg.threads - 1, 2)

    def _answer(self, conn: Any) -> Any:
        """Answer one request; return whether the connection can take another."""
        deadline: Deadline = DEADLINES.begin(conn.sock, HEAD_S)
        self._head.deadline = deadline
        try:
            reusable = super().handle(conn)
        finally:
            DEADLINES.end(deadline)
        if reusable is False:
            linger(conn.sock, self._wanted)
            # gunicorn would linger once more, in the thread that accepts connections.
            conn.close = lambda graceful=False: util.close(conn.sock)
        return reusable

    def handle_request(self, req: Any, conn: Any) -> Any:
        DEADLINES.end(self._head.deadline)
        try:
            with self._uploads.moving(conn.parser.unreader, conn.sock):
                return super().handle_request(req, conn)
        except (ConnectionError, TimeoutError):
            # Of the client's connection; gunicorn would log some of them as errors of ours.
            return False

    def _keepalive_after(self, conn: Any, keepalive: bool) -> bool:
        try:
            return bool(super()._keepalive_after(conn, keepalive))
        except (ParseException, OSError):
            # The rest of a body that nobody read is malformed: no second answer for that.
            return False
