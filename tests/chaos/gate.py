"""A proxy that can cut off or stall a server's responses."""

import contextlib
import socket
import threading
from urllib.parse import urlsplit

CHUNK = 16 * 1024


class Gate:
    """A proxy on a free port, initially open; `cut` and `hang` act after a number of bytes."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._target = (parts.hostname, parts.port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._after: int | None = None
        self._hangs = False
        self._passed = 0
        self._opened = threading.Event()
        self._sockets: list[socket.socket] = []

    def open(self) -> None:
        self._after = None
        self._opened.set()

    def cut(self, after: int) -> None:
        """Close all connections once responses exceed a total number of bytes."""
        self._after, self._hangs, self._passed = after, False, 0
        self._opened.clear()

    def hang(self, after: int) -> None:
        """Stop forwarding responses after a total number of bytes, until the gate is opened."""
        self._after, self._hangs, self._passed = after, True, 0
        self._opened.clear()

    def __enter__(self) -> "Gate":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.open()
        # Wakes the thread that accepts.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        for open_socket in (self._listener, *self._sockets):
            open_socket.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._target)
                self._sockets += [client, server]
                for work, pair in ((self._forth, (client, server)), (self._back, (server, client))):
                    threading.Thread(target=work, args=pair, daemon=True).start()

    def _forth(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(CHUNK):
                server.sendall(data)
            server.shutdown(socket.SHUT_WR)

    def _back(self, server: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(CHUNK):
                self._passed += len(data)
                if self._after is not None and self._passed > self._after:
                    if not self._hangs:
                        break
                    self._opened.wait()
                client.sendall(data)
            client.shutdown(socket.SHUT_RDWR)
