"""A small stand-in server for LesionLens, sufficient for infra/smoke.sh."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.infra.programs import POLL_S

NOTICE = "Not a medical diagnosis."
Answer = tuple[int, str, bytes, dict[str, str]]
PROBLEM_503: Answer = (503, "application/problem+json", b'{"detail": "no"}', {})


class StandIn:
    """Serves on a free port; ``faults`` map "METHOD /path" to (status, type, body, headers)."""

    def __init__(self) -> None:
        self.version = "v1"
        self.allowed_origin = ""
        self.faults: dict[str, Answer] = {}
        self.requests: list[str] = []
        self.headers: list[dict[str, str]] = []
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def _serve(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                key = f"{self.command} {self.path}"
                owner.requests.append(key)
                owner.headers.append(dict(self.headers))
                planted = owner.faults.get(key)
                status, kind, body, headers = planted or owner.answer(key, dict(self.headers))
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_OPTIONS = _serve  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    def answer(self, key: str, headers: dict[str, str]) -> Answer:
        if key == "GET /":
            page = b"<!doctype html><form></form>"
            return 200, "text/html; charset=utf-8", page, {"Content-Security-Policy": "x"}
        if key in ("GET /health", "GET /ready"):
            return 200, "application/json", b'{"status": "ok"}', {}
        if key == "OPTIONS /v1/classify":
            allowed = {"Access-Control-Allow-Origin": self.allowed_origin}
            let_in = headers.get("Origin") == self.allowed_origin
            return 200, "text/plain", b"", allowed if let_in else {}
        if headers.get("Content-Type", "").startswith("multipart/form-data"):
            return 200, "application/json", json.dumps(self.result()).encode(), {}
        problem = {"type": "/problems/unsupported-type", "title": "Unsupported type", "status": 415}
        problem |= {"detail": "text/plain is no image", "request_id": "1"}
        return 415, "application/problem+json", json.dumps(problem).encode(), {}

    def result(self) -> dict[str, object]:
        return {
            "request_id": "1",
            "model": {"name": "mobilenet", "version": self.version},
            "probabilities": [{"label": str(i), "probability": 1 / 7} for i in range(7)],
            "timing_ms": {"total": 11.0},
            "notice": NOTICE,
        }

    def __enter__(self) -> "StandIn":
        threading.Thread(target=self._server.serve_forever, args=(POLL_S,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
