"""Programs that the scripts of infra/ call, answered by the process of the test.

Each is an exported Bash function, which Bash prefers to a program of the same name: a call is a
connection and no new process. A program that a script names by its path is a file of the same text.
"""

import socketserver
import threading
from collections.abc import Callable
from pathlib import Path

# Name, account (FAKE_ACCOUNT), project (GOOGLE_CLOUD_PROJECT) and arguments of a call; returns exit
# status, standard output and standard error.
Answer = Callable[[str, str, str, list[str]], tuple[int, str, str]]

# Words end with a NUL, the call with the word "\1". The answer is a line "STATUS BYTES BYTES", then
# so many bytes of output and of errors.
BODY = """{{
  local LC_ALL=C socket status output errors text
  exec {{socket}}<>/dev/tcp/127.0.0.1/{port}
  printf '%s\\0' {name} "${{FAKE_ACCOUNT-owner}}" "${{GOOGLE_CLOUD_PROJECT-}}" "$@" $'\\1' >&$socket
  IFS=' ' read -r status output errors <&$socket
  IFS= read -r -N "$output" text <&$socket
  printf '%s' "$text"
  IFS= read -r -N "$errors" text <&$socket
  printf '%s' "$text" >&2
  exec {{socket}}>&-
  return "$status"
}}"""
END = b"\0\1\0"


class Programs:
    """``environment`` is what makes the programs ``names`` be found; ``answer`` answers them."""

    def __init__(self, folder: Path, names: tuple[str, ...], answer: Answer) -> None:
        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                call = b""
                while not call.endswith(END):
                    call += self.request.recv(1 << 16)
                name, account, project, *words = call[: -len(END)].decode().split("\0")
                status, *texts = answer(name, account, project, words)
                output, errors = (text.encode() for text in texts)
                head = f"{status} {len(output)} {len(errors)}\n".encode()
                self.request.sendall(head + output + errors)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            request_queue_size = 64

        self.folder = folder
        self._server = Server(("127.0.0.1", 0), Handler)
        self._bodies = {name: self._body(name) for name in names}
        self.environment = {f"BASH_FUNC_{n}%%": f"() {body}" for n, body in self._bodies.items()}

    def _body(self, name: str) -> str:
        return BODY.format(name=name, port=self._server.server_address[1])

    def add(self, name: str, body: str) -> None:
        """Let ``name`` be a Bash function of its own."""
        self.environment[f"BASH_FUNC_{name}%%"] = f"() {{ {body}; }}"

    def file(self, name: str) -> Path:
        """Return a file that does the same as the program ``name``."""
        path = self.folder / name
        path.write_text(f'#!/bin/bash\n{name}() {self._body(name)}\n{name} "$@"\n')
        path.chmod(0o755)
        return path

    def __enter__(self) -> "Programs":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
