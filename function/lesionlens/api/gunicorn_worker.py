"""gunicorn's threaded worker, with time limits for slow clients and less work per request.

functions-framework builds its gunicorn application itself: it removes the limit on the request line
and reads no configuration (no file, no GUNICORN_CMD_ARGS). It does not set a worker class, though,
so `install` can replace the default of that setting before the server starts.

The worker calls our Flask application directly. functions-framework's own application around it
would route every request a second time and, after each answer, read the rest of its body into
memory.

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
FIRST_BYTE_S = 1.0  # after that a connection waits in the poller, without a thread
# After an answer the connection keeps its thread for so long, in case the client's next request
# follows at once, unless other connections wait for a thread. Returning it to the poller and back
# would wake up two threads.
NEXT_MS = 5
NOTIFY_S = 1.0  # between two heartbeats to the master; gunicorn sends one with every event
HEAD_S = 3.0  # from the first byte of a request's head to its last


def install(application: Callable[..., Iterable[bytes]]) -> None:
    """Make `Worker`, serving this application, gunicorn's default worker class."""
    Worker.application = staticmethod(application)
    config.WorkerClass.default = f"{Worker.__module__}.{Worker.__qualname__}"


class Worker(ThreadWorker):  # type: ignore[misc]
    """gunicorn's gthread worker, some of whose methods are replaced.

    It relies on gunicorn's internals, so gunicorn's version is pinned.
    """

    application: Callable[..., Iterable[bytes]]

    def init_process(self) -> None:
        """Prepare the worker process after the fork, before it accepts connections."""
        self.cfg.set("limit_request_line", REQUEST_LINE_BYTES)
        self._head = threading.local()
        self._notified = 0.0
        self._uploads = Uploads(self._hold_up)
        heap.return_freed_memory()
        super().init_process()

    def notify(self) -> None:
        """Send a heartbeat to the master, at most one every `NOTIFY_S` seconds."""
        now = time.monotonic()
        if now - self._notified >= NOTIFY_S:
            self._notified = now
            super().notify()

    def load_wsgi(self) -> None:
        """Load functions-framework's application, then serve `application` in its place."""
        super().load_wsgi()
        application = self.application

        def bounded(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            body = application(environ, start_response)
            writing = within(body, environ["gunicorn.socket"])
            return ClosingIterator(writing, getattr(body, "close", None))

        self.wsgi = bounded

    def handle(self, conn: Any) -> Any:
        """Answer the requests of a connection that follow each other without a pause.

        Returns what gunicorn expects: True to keep the connection open, False to close it, and
        ``_DEFER`` to wait for its first byte without a thread.
        """
        if not conn.initialized and not conn.wait_for_data(FIRST_BYTE_S):
            return _DEFER
        reusable = self._answer(conn)
        while reusable is True and self._asks_again(conn):
            reusable = self._answer(conn)
        return reusable

    def _asks_again(self, conn: Any) -> bool:
        """Whether the next request arrives within `NEXT_MS`; False if others wait for a thread."""
        if self._wanted() or not self.alive or conn.parser.unreader.buf.getvalue():
            return False
        poll = select.poll()
        poll.register(conn.sock, select.POLLIN)
        return bool(poll.poll(NEXT_MS))

    def _wanted(self) -> bool:
        """Whether another connection waits for a thread."""
        return not self.tpool._work_queue.empty()

    def _hold_up(self, uploads: int) -> bool:
        """Whether so many uploads leave other connections without a thread, or almost."""
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
            # gunicorn would drain the connection again, in the thread that accepts connections.
            conn.close = lambda graceful=False: util.close(conn.sock)
        return reusable

    def handle_request(self, req: Any, conn: Any) -> Any:
        """Answer a request whose head has been read, with limits on the time for its body."""
        DEADLINES.end(self._head.deadline)
        try:
            with self._uploads.moving(conn.parser.unreader, conn.sock):
                return super().handle_request(req, conn)
        except (ConnectionError, TimeoutError):
            # The client's connection failed; gunicorn would log some of these as internal errors.
            return False

    def _keepalive_after(self, conn: Any, keepalive: bool) -> bool:
        try:
            return bool(super()._keepalive_after(conn, keepalive))
        except (ParseException, OSError):
            # The unread rest of the body is malformed; the request has been answered already.
            return False
