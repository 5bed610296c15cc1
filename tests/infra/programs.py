"""Fake programs for the scripts of infra/, implemented in the test's own process.

Each is also an exported shell function, which takes precedence over a program, so that the hundreds
of calls from a script start no process. The file is for calls by path.
"""

import shutil
import socketserver
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

# Exit status, standard output, standard error.
Output = tuple[int, str, str]
# Parameters: program name, FAKE_ACCOUNT, GOOGLE_CLOUD_PROJECT, arguments.
Call = Callable[[str, str, str, list[str]], Output]

# Interval in seconds at which a server checks whether it should stop.
POLL_S = 0.02

ASK = """() {{
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


def write(folder: Path, name: str, text: str) -> None:
    """Write an executable script."""
    path = folder / name
    path.write_text(text)
    path.chmod(0o755)


class Programs:
    """Implements programs of the given names in ``folder`` until closed.

    ``environment``: variables that define them as shell functions.
    """

    def __init__(self, folder: Path, names: Iterable[str], call: Call) -> None:
        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                words: list[str] = []
                while not words or words[-1] != "\1":
                    words.append(self._word())
                program, account, project, *arguments = words[:-1]
                status, *texts = call(program, account, project, arguments)
                data = [text.encode() for text in texts]
                self.wfile.write(f"{status} {len(data[0])} {len(data[1])}\n".encode())
                self.wfile.write(b"".join(data))

            def _word(self) -> str:
                word = bytearray()
                while (byte := self.rfile.read(1)) != b"\0":
                    if not byte:
                        raise ConnectionError("a program ended before it had said what it wants")
                    word += byte
                return word.decode()

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True

        self._server = Server(("127.0.0.1", 0), Handler)
        port = self._server.server_address[1]
        self.environment: dict[str, str] = {}
        for name in names:
            ask = ASK.format(port=port, name=name)
            self.environment[f"BASH_FUNC_{name}%%"] = ask
            write(folder, name, f'#!{shutil.which("bash")}\n{name}{ask}\n{name} "$@"\n')
        threading.Thread(target=self._server.serve_forever, args=(POLL_S,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
