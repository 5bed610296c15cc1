"""The function in its real server (gunicorn under functions-framework), over HTTP."""

import contextlib
import http.client
import json
import re
import select
import shutil
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from lesionlens.api import gunicorn_worker
from tests import releases, server
from tests.conftest import RELEASES, ROOT
from tests.pictures import JPEG
from tests.server import Server

LIMIT = 2_000_000
FORM_TYPE = "multipart/form-data; boundary=edge"
FORM_START = b"--edge\r\nContent-Disposition: form-data; name=image; filename=a\r\n\r\n"


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    with server.running(
        folder / "log.txt", MAX_UPLOAD_BYTES=str(LIMIT), TMPDIR=str(folder)
    ) as running:
        yield running


@pytest.fixture(scope="module")
def hurried(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with an upload timeout of a second and few threads."""
    log = tmp_path_factory.mktemp("hurried") / "log.txt"
    with server.running(log, UPLOAD_SECONDS="1", THREADS="2") as running:
        assert running.get("/ready")[0] == 200
        yield running


def form(image: bytes) -> tuple[bytes, str]:
    """A multipart body with one image, and its media type."""
    return FORM_START + image + b"\r\n--edge--\r\n", FORM_TYPE


def test_many_first_requests_load_the_model_once(serving: Server) -> None:
    # Must be the first test in this module, before the model is loaded.
    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(lambda _: serving.classify(JPEG), range(100)))
    assert {status for status, _ in answers} == {200}
    assert len({json.dumps(answer["probabilities"]) for _, answer in answers}) == 1
    lines = [json.loads(line) for line in serving.log.read_text().splitlines() if line[:1] == "{"]
    assert sum(line["message"] == "model loaded" for line in lines) == 1


@pytest.mark.parametrize("media_type", ["image/jpeg", "application/json"])
@pytest.mark.parametrize("chunked", [False, True], ids=["with length", "without length"])
def test_a_body_over_the_limit_is_refused(serving: Server, media_type: str, chunked: bool) -> None:
    body = b"x" * (LIMIT + 1)
    status, problem = serving.classify(iter([body]) if chunked else body, media_type)
    assert (status, problem["title"]) == (413, "Body too large")
    assert f"at most {LIMIT} bytes" in problem["detail"]


@pytest.mark.parametrize("chunked", [False, True], ids=["with length", "without length"])
def test_a_form_over_the_limit_is_refused(serving: Server, chunked: bool) -> None:
    body, media_type = form(b"x" * LIMIT)
    status, problem = serving.classify(iter([body]) if chunked else body, media_type)
    assert (status, problem["title"]) == (413, "Body too large")


@pytest.mark.parametrize("way", ["raw", "form"])
@pytest.mark.parametrize("chunked", [False, True], ids=["with length", "without length"])
def test_a_body_of_exactly_the_limit_is_read(serving: Server, way: str, chunked: bool) -> None:
    body, media_type = bytes([1]) * LIMIT, "image/jpeg"
    if way == "form":
        body, media_type = form(body[len(form(b"")[0]) :])
    assert len(body) == LIMIT
    status, problem = serving.classify(iter([body]) if chunked else body, media_type)
    # Refused for its content, not for its size.
    assert (status, problem["title"]) == (422, "Undecodable image")


def test_a_chunked_body_within_the_limit_is_classified(serving: Server) -> None:
    status, answer = serving.classify(iter([JPEG[:5000], JPEG[5000:]]))
    assert (status, answer["input"]["width"]) == (200, 600)


def test_a_client_that_leaves_half_way_harms_nobody(serving: Server) -> None:
    host, port = serving.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as client:
        client.sendall(
            b"POST /v1/classify HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\n"
            b"Content-Length: 100000\r\n\r\n" + JPEG[:1000]
        )
    assert serving.classify(JPEG)[0] == 200


@pytest.mark.parametrize("path", ["//v1/classify", "///v1/classify", "/%2Fv1/classify"])
def test_a_path_with_double_slashes_is_404(serving: Server, path: str) -> None:
    status, problem = serving._ask("POST", path, JPEG, {"Content-Type": "image/jpeg"})
    assert (status, problem["type"]) == (404, "/problems/not-found")
    assert '"message": "POST //v1/classify 404"' in serving.log.read_text()


@pytest.mark.parametrize("path", ["/favicon.ico", "/robots.txt", "/nothing"])
def test_every_address_is_answered_by_the_application(serving: Server, path: str) -> None:
    status, problem = serving.get(path)
    assert (status, problem["type"]) == (404, "/problems/not-found")


def test_kept_connections_take_turns_where_they_outnumber_the_threads(hurried: Server) -> None:
    """A thread waits for a connection's next request only while no other connection waits."""
    address = urlsplit(hurried.url)

    def ask(_: int) -> list[int]:
        connection = http.client.HTTPConnection(address.netloc, timeout=30)
        with contextlib.closing(connection):
            statuses = []
            for _ in range(20):
                connection.request("GET", "/health")
                response = connection.getresponse()
                response.read()
                statuses.append(response.status)
            return statuses

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(8))) == [[200] * 20] * 8


def test_a_copy_of_the_function_alone_serves(tmp_path: Path) -> None:
    copy = shutil.copytree(
        ROOT / "function", tmp_path / "f", ignore=shutil.ignore_patterns("__pycache__")
    )
    with server.running(
        tmp_path / "log.txt", copy / "main.py", MODEL_URI=RELEASES.as_uri()
    ) as alone:
        assert alone.get("/ready")[0] == 200


def test_preloading_loads_the_model_before_it_is_asked_for(tmp_path: Path) -> None:
    with server.running(tmp_path / "log.txt", PRELOAD_MODEL="1") as preloading:
        for _ in range(200):
            if "model loaded" in preloading.log.read_text():
                break
            time.sleep(0.05)
        assert "model loaded" in preloading.log.read_text()
        assert preloading.get("/ready")[0] == 200
        assert preloading.log.read_text().count("model loaded") == 1


def test_preloading_outlives_a_store_that_is_away(tmp_path: Path) -> None:
    store = tmp_path / "store"
    with server.running(
        tmp_path / "log.txt", PRELOAD_MODEL="1", MODEL_URI=store.as_uri()
    ) as preloading:
        assert preloading.get("/ready")[0] == 503
        releases.copy(store, "late")
        assert preloading.get("/ready")[0] == 200


def test_wrong_settings_stop_the_server_with_a_message(tmp_path: Path) -> None:
    with (
        pytest.raises(RuntimeError, match="LOG_LEVEL is 'LOUD'; accepted is DEBUG"),
        server.running(tmp_path / "log.txt", LOG_LEVEL="LOUD"),
    ):
        pass


def test_the_page_and_the_api_share_an_origin(tmp_path: Path) -> None:
    with server.running(tmp_path / "log.txt", WEB_DIR=str(ROOT / "web")) as serving:
        with urllib.request.urlopen(serving.url, timeout=30) as page:
            assert b"<form" in page.read()
        assert serving.get("/v1/labels")[0] == 200


@pytest.mark.parametrize(
    ("path", "head", "start"),
    [
        ("/v1/classify", "Content-Type: image/jpeg\r\nContent-Length: 99999", JPEG[:1000]),
        ("/v1/classify", "Content-Type: image/jpeg\r\nTransfer-Encoding: chunked", b"ffff\r\n"),
        ("/v1/classify", f"Content-Type: {FORM_TYPE}\r\nContent-Length: 99999", FORM_START),
        ("/v1/batch", f"Content-Type: {FORM_TYPE}\r\nContent-Length: 99999", FORM_START),
    ],
    ids=["raw", "chunked", "form", "batch"],
)
@pytest.mark.parametrize("drips", [True, False], ids=["drips", "stops"])
def test_a_body_that_arrives_too_slowly_is_not_waited_for(
    hurried: Server, path: str, head: str, start: bytes, drips: bool
) -> None:
    address = urlsplit(hurried.url)
    with socket.create_connection((address.hostname, address.port), timeout=30) as client:
        client.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n".encode() + start)
        while not select.select([client], [], [], 0.1)[0]:
            client.sendall(b"x" if drips else b"")
        answer = client.recv(65536)
        # Late bytes are the rest of a body, not a new request.
        with contextlib.suppress(OSError):
            client.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):
            answer += client.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"did not arrive within 1 seconds, or it stopped" in answer
    assert answer.count(b"HTTP/1.1") == 1


def test_a_body_that_stops_releases_its_thread(serving: Server) -> None:
    """Long before UPLOAD_SECONDS, which has its default value here."""
    address = urlsplit(serving.url)
    with socket.create_connection((address.hostname, address.port), timeout=30) as client:
        head = "POST /v1/classify HTTP/1.1\r\nHost: x\r\nContent-Length: 99999\r\n\r\n"
        client.sendall(head.encode() + JPEG[:1000])
        answer = client.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"or it stopped" in answer
    assert errors_of(serving) == []


def test_slow_bodies_give_way_to_who_waits(tmp_path: Path) -> None:
    """The server has two threads; four clients send as slowly as it permits."""
    answered = threading.Event()

    def drip(serving: Server) -> bytes:
        address = urlsplit(serving.url)
        with socket.create_connection((address.hostname, address.port), timeout=60) as client:
            client.sendall(
                b"POST /v1/classify HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\n\r\n"
            )
            while not answered.wait(0.1) and not select.select([client], [], [], 0)[0]:
                client.sendall(b"x" * 1000)
            return client.recv(12)

    with (
        server.running(tmp_path / "log.txt", UPLOAD_SECONDS="600", THREADS="2") as few,
        ThreadPoolExecutor(4) as clients,
    ):
        assert few.get("/ready")[0] == 200
        dripping = [clients.submit(drip, few) for _ in range(4)]
        try:
            done, _ = wait(dripping, 60, FIRST_COMPLETED)
            assert {one.result() for one in done} == {b"HTTP/1.1 408"}
            assert few.classify(JPEG)[0] == 200
        finally:
            answered.set()
        assert errors_of(few) == []


def test_a_fast_body_is_waited_for_after_slow_ones(hurried: Server) -> None:
    assert hurried.classify(JPEG)[0] == 200


TRAILERS = {
    "none": b"",
    "half": b"X-A: b\r\n",
    "no colon": b"nonsense\r\n\r\n",
    "no name": b": b\r\n\r\n",
    "space in a name": b"X A: b\r\n\r\n",
    "space before the colon": b"X-A : b\r\n\r\n",
    "folded": b"X-A: b\r\n c\r\n\r\n",
    "control character": b"X-A: b\x00c\r\n\r\n",
    "bare LF": b"X-A: b\n\n",
    "beyond ASCII": b"X-\xff\xfe: b\r\n\r\n",
    "framing": b"Content-Length: 5\r\n\r\n",
    "many": b"X-A: b\r\n" * 5000 + b"\r\n",
    "endless": b"X" * 500_000,
}
# Chunked requests: headers, body, and a part of the expected response.
BROKEN: dict[str, tuple[str, bytes, str]] = {
    "chunk size": ("Transfer-Encoding: chunked", b"zz\r\nabc", "malformed (InvalidChunkSize)"),
    "chunk end": ("Transfer-Encoding: chunked", b"1\r\nabc", "malformed"),
    "chunk extension": ("Transfer-Encoding: chunked", b"1;=\r\na\r\n0\r\n\r\n", "malformed"),
    "chunk cut": ("Transfer-Encoding: chunked", b"ff\r\nabc", "ended before its announced length"),
    "length": ("Content-Length: 99999", JPEG, "The body ended before its announced length"),
    **{
        f"trailer: {name}": ("Transfer-Encoding: chunked", b"1\r\na\r\n0\r\n" + sent, "")
        for name, sent in TRAILERS.items()
    },
}


def exchange(serving: Server, request: bytes, end: bool = True) -> bytes:
    """Send bytes; return all that is received until the server closes the connection."""
    address = urlsplit(serving.url)
    with socket.create_connection((address.hostname, address.port), timeout=30) as client:
        with contextlib.suppress(ConnectionError):
            client.sendall(request)
            if end:
                client.shutdown(socket.SHUT_WR)
        return client.makefile("rb").read()


def errors_of(serving: Server) -> list[str]:
    """Lines of our log and gunicorn's that report a fault of the service."""
    lines = serving.log.read_text().splitlines()
    return [line for line in lines if re.search(r"ERROR|CRITICAL|Traceback|Exception", line)]


@pytest.mark.parametrize("path", ["/v1/classify", "/nowhere"])
@pytest.mark.parametrize("name", BROKEN)
def test_a_body_that_breaks_its_promise_is_a_bad_request(
    serving: Server, name: str, path: str
) -> None:
    head, body, detail = BROKEN[name]
    lines = (f"POST {path} HTTP/1.1", "Host: x", "Content-Type: image/jpeg", head)
    answer = exchange(serving, "\r\n".join((*lines, "", "")).encode() + body).decode()
    if path == "/nowhere":
        assert answer.startswith("HTTP/1.1 404")
    elif name == "trailer: framing":
        # Trailers are read and ignored (RFC 9110, 6.5.1): the body itself is complete.
        assert answer.startswith(("HTTP/1.1 400", "HTTP/1.1 422"))
    else:
        assert answer.startswith("HTTP/1.1 400")
        assert detail in answer
    assert answer.count("HTTP/1.1 ") == 1
    assert errors_of(serving) == []


@pytest.mark.parametrize(
    "request_of",
    [
        b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /" + b"a" * 5_000_000,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)) * 4,
        b"GET / HTTP/9.9\r\n\r\n",
        b"G\xc3\xa4T /\xff\xfe HTTP/1.1\r\n\r\n",
        b"GET http://[::1/v1/labels HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: \xb2\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nExpect: miracles\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 1000 + b"\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n\r\n",
    ],
)
def test_a_malformed_head_costs_little_and_writes_no_error(
    serving: Server, request_of: bytes
) -> None:
    started = time.monotonic()
    answer = exchange(serving, request_of)
    assert answer[:10] in (b"HTTP/1.1 4", b"HTTP/1.1 5", b"")
    assert b"HTTP/1.1 500" not in answer
    assert time.monotonic() - started < 5
    assert errors_of(serving) == []
    assert serving.get("/health")[0] == 200


def test_clients_that_send_before_they_read_see_a_413(serving: Server) -> None:
    """Python's urllib sends the whole body and closes the connection after the response."""
    for _ in range(3):
        request = urllib.request.Request(
            f"{serving.url}/v1/classify", b"x" * (15 * LIMIT), {"Content-Type": "image/jpeg"}
        )
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=30)
        assert refused.value.code == 413
        assert json.load(refused.value)["type"] == "/problems/body-too-large"


def test_heads_that_never_end_hold_no_thread_for_long(hurried: Server) -> None:
    """The server has two threads; four clients send incomplete headers."""
    address = urlsplit(hurried.url)
    with contextlib.ExitStack() as stack:
        for _ in range(4):
            client = stack.enter_context(socket.create_connection((address.hostname, address.port)))
            client.sendall(b"GET /v1/labels HTTP/1.1\r\nHost: x\r\nX-A")
        started = time.monotonic()
        assert hurried.get("/health")[0] == 200
        assert time.monotonic() - started < 3 * gunicorn_worker.HEAD_S
    assert errors_of(hurried) == []
