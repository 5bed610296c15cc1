"""An HTTP proxy between a client and a server that misbehaves on demand."""

import http.client
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

# Maps method and path of a request to a fault to inject; "" for none.
Plan = Callable[[str, str], str]


class Misbehaving:
    """Forwards requests to ``upstream``, with the faults that ``plan`` chooses.

    - "refuse": the connection is closed without a response
    - "stall": no response for ``stall_s``, then the connection is closed
    - "slow": the response comes after ``delay_s``
    - "half": the connection is closed after half of the announced body
    - "kill": as refuse, for this and all later requests, as if the client had been killed
    """

    def __init__(self, upstream: str, plan: Plan) -> None:
        self.plan, self.delay_s, self.stall_s = plan, 2.0, 120.0
        self.requests: list[str] = []
        self._dead = False
        self._ended = threading.Event()
        target = urlsplit(upstream).netloc
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _pass_on(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                path = unquote(self.path)
                owner.requests.append(f"{self.command} {path}")
                deed = "refuse" if owner._dead else owner.plan(self.command, path)
                if deed == "kill":
                    owner._dead = True
                if deed in ("refuse", "kill"):
                    return self._close()
                if deed == "stall":
                    owner._ended.wait(owner.stall_s)
                    return self._close()
                if deed == "slow":
                    time.sleep(owner.delay_s)
                upstream = http.client.HTTPConnection(target)
                headers = dict(self.headers) | {"Host": target}
                upstream.request(self.command, self.path, body, headers)
                answer = upstream.getresponse()
                data = answer.read()
                host = self.headers["Host"]
                told = answer.getheader("Content-Type", "").startswith("application/json")
                if told and "alt=media" not in path:
                    # An object's metadata contain its download address.
                    data = data.replace(target.encode(), host.encode())
                self.send_response_only(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in ("transfer-encoding", "content-length"):
                        # A resumable upload continues at the address in this header.
                        self.send_header(name, value.replace(target, host))
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                upstream.close()
                if deed == "half":
                    self.wfile.write(data[: len(data) // 2])
                    return self._close()
                self.wfile.write(data)
                return None

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _pass_on  # noqa: N815

            def _close(self) -> None:
                self.close_connection = True

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                """Ignore clients that disconnect, which some tests cause."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "Misbehaving":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()
