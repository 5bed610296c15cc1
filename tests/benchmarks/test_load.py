"""Parsing wrk's output, and running it."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.benchmarks import load
from tests.pictures import JPEG

LINE = (
    '{"p50_ms": 9.500, "p95_ms": 12.000, "p99_ms": 20.100, "max_ms": 31.000, "requests": 250, '
    '"seconds": 2.500, "refused": 0, "broken": 0}'
)


def test_what_wrk_prints_is_read() -> None:
    found = load.parse(f"Running 2s test @ http://127.0.0.1\n  1 threads\n{LINE}\n")
    assert (found.p50_ms, found.p99_ms, found.requests) == (9.5, 20.1, 250)
    assert found.rate == 100
    assert found.as_dict()["rate"] == 100


def test_output_without_figures_is_refused() -> None:
    with pytest.raises(load.LoadError, match="unable to connect"):
        load.parse("unable to connect to 127.0.0.1:1 Connection refused")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"refused": 3}, "3 refused"),
        ({"broken": 2}, "2 broken"),
        ({"requests": 0}, "0 answered"),
    ],
)
def test_a_load_that_met_errors_is_no_measurement(change: dict[str, int], message: str) -> None:
    found = load.parse(LINE)
    spoilt = load.Load(**{**vars(found), **change})
    assert load.complete("http://x", 1, found) == found
    with pytest.raises(load.LoadError, match=message):
        load.complete("http://x", 1, spoilt)


def test_a_slow_server_gets_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def attack(url: str, image: bytes, clients: int, seconds: float) -> load.Load:
        asked.append(seconds)
        requests = int(seconds / 8)
        return load.Load(**{**vars(load.parse(LINE)), "requests": requests, "seconds": seconds})

    monkeypatch.setattr(load, "attack", attack)
    assert load.post("http://x", b"", 1, 2).requests == 1
    assert asked == [2, 10]
    assert load.post("http://x", b"", 4, 2).requests == 5
    assert asked[2:] == [2, 10, 40]
    monkeypatch.setattr(load, "LONGEST_S", 1.0)
    with pytest.raises(load.LoadError, match="0 answered"):
        load.post("http://x", b"", 1, 0.1)


class _Counter(BaseHTTPRequestHandler):
    """Responds to every third request with 503, and keeps the bodies."""

    protocol_version = "HTTP/1.1"
    bodies: set[bytes]
    count = 0

    def do_POST(self) -> None:
        type(self).count += 1
        self.bodies.add(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(503 if self.count % 3 == 0 else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


class _Quiet(ThreadingHTTPServer):
    """Ignores disconnects: wrk leaves while requests are in progress."""

    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        pass


@pytest.fixture
def counting() -> Iterator[tuple[str, type[_Counter]]]:
    handler = type("Handler", (_Counter,), {"bodies": set()})
    server = _Quiet(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", handler
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.alone
def test_wrk_posts_the_image_and_counts_refusals(counting: tuple[str, type[_Counter]]) -> None:
    if not load.available():
        pytest.skip(load.MISSING)
    url, handler = counting
    found = load.attack(url, JPEG, clients=2, seconds=1)
    (body,) = handler.bodies
    assert JPEG in body
    assert found.requests > 10
    # The handler counts without a lock, hence approximately.
    assert found.refused == pytest.approx(found.requests / 3, rel=0.1)
    assert 0 < found.p50_ms <= found.p95_ms <= found.p99_ms <= found.max_ms
