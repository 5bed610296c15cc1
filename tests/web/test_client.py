"""The partners' Python client, synchronous and asynchronous, with real and faulty servers."""

import asyncio
import http.server
import json
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from lesionlens_client import AsyncClient, Client, ProblemError, Retries, results
from lesionlens_client.problems import _seconds

from lesionlens.api import keyring
from lesionlens.api.rate import Rate
from tests import server
from tests.openapi_shapes import COMPONENTS, from_type, shape
from tests.pictures import JPEG, encoded, lesion
from tests.web.visitor import WEB

PACKAGE = WEB / "client"
# Status, headers and body.
Answer = tuple[int, dict[str, str], bytes]


class Awaited:
    """The asynchronous client with blocking methods."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._runner = asyncio.Runner()
        self._client = AsyncClient(*arguments, **options)

    def __enter__(self) -> "Awaited":
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.run(self._client.close())
        self._runner.close()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._client, name)
        return lambda *arguments, **options: self._runner.run(method(*arguments, **options))

    def stream(self, *arguments: Any, **options: Any) -> Iterator[Any]:
        entries: Any = self._client.stream(*arguments, **options)
        try:
            while (entry := self._runner.run(anext(entries, None))) is not None:
                yield entry
        finally:
            self._runner.run(entries.aclose())


BOTH = pytest.mark.parametrize("kind", [Client, Awaited], ids=["sync", "async"])


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds for which a client slept; sleeping is replaced."""
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr("lesionlens_client.client.time", SimpleNamespace(sleep=waited.append))
    monkeypatch.setattr("lesionlens_client.aio.asyncio", SimpleNamespace(sleep=sleep))
    return waited


# With the real server.

LIMIT = 200_000  # bytes


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, str]]:
    """Address of a server, a key, and a key with a limit of three images a day."""
    text, key = keyring.create("Example Clinic", Rate(500, "hour"), 16, date(2999, 1, 1))
    few, other = keyring.create("Small Clinic", Rate(3, "day"), 16, date(2999, 1, 1))
    document = keyring.document([key, other])
    log = tmp_path_factory.mktemp("service") / "log.txt"
    with server.running(log, API_KEYS=document, MAX_UPLOAD_BYTES=str(LIMIT)) as serving:
        assert serving.get("/ready")[0] == 200
        yield serving.url, text, few


@BOTH
def test_every_method_answers(service: tuple[str, str, str], kind: Any, tmp_path: Path) -> None:
    address, key, _ = service
    (tmp_path / "lesion.jpg").write_bytes(JPEG)
    with kind(address, key) as client:
        result = client.classify(
            tmp_path / "lesion.jpg", explain=True, overlay=False, views=2, prevalence=0.05,
            subject="Patient/123", body_site="left arm",
        )  # fmt: skip
        assert result["explanation"]["label"] == result["prediction"]["label"]
        assert "overlay_png" not in result["explanation"]
        assert (result["views"], result["prior"]["malignant"]) == (2, 0.05)
        assert result["record"] == {"subject": "Patient/123", "body_site": "left arm"}

        told: list[tuple[int, int]] = []
        images = [JPEG, JPEG[:9000], encoded(lesion(90, 80))]
        entries = client.batch(images, progress=lambda *of: told.append(of), prior="uniform")
        assert told == [(1, 3), (2, 3), (3, 3)]
        assert [entry["index"] for entry in entries] == [0, 1, 2]
        assert entries[0]["result"]["prior"]["name"] == "uniform"
        assert entries[1]["problem"]["type"] == "/problems/truncated-image"
        assert entries[2]["result"]["input"]["width"] == 90

        stream = client.stream([JPEG, JPEG])
        assert next(stream)["index"] == 0
        stream.close()
        assert len(client.labels()) == 7
        assert client.model()["notice"].startswith("Not a medical diagnosis")


@BOTH
@pytest.mark.parametrize(
    ("image", "options", "status"),
    [
        (JPEG[:9000], {}, 422),
        (JPEG, {"views": 99}, 400),
        # Refused while it is still being sent.
        (bytes(20 * LIMIT), {}, 413),
    ],
)
def test_permanent_errors_are_not_retried(
    service: tuple[str, str, str], waits: list[float], kind: Any, image: bytes,
    options: dict[str, Any], status: int,
) -> None:  # fmt: skip
    address, key, _ = service
    with kind(address, key) as client, pytest.raises(ProblemError) as refused:
        client.classify(image, **options)
    assert refused.value.problem["status"] == status
    assert not refused.value.later
    assert waits == []


def test_errors_of_limits_tell_whether_a_retry_may_help(
    service: tuple[str, str, str], waits: list[float]
) -> None:
    address, _, few = service
    with Client(address, few) as client:
        with pytest.raises(ProblemError) as never:
            client.batch([JPEG] * 4)
        assert (never.value.problem["status"], never.value.later) == (422, False)
        assert never.value.retry_after_s is None
        # The refused request counted as one image.
        client.batch([JPEG] * 2)
        with pytest.raises(ProblemError) as later:
            client.classify(JPEG)
    assert (later.value.problem["status"], later.value.later) == (429, True)
    # A wait of a day is reported, not waited for.
    assert later.value.retry_after_s > Retries().longest_wait_s
    assert waits == []


@BOTH
def test_a_wrong_key_is_told(service: tuple[str, str, str], kind: Any) -> None:
    with kind(service[0], "ll_wrong") as client, pytest.raises(ProblemError, match="401 Unauth"):
        client.labels()


# With faulty servers.


@contextmanager
def answering(*answers: Answer) -> Iterator[tuple[str, list[Any]]]:
    """Serve responses one after the other; yield the address and the received headers.

    Status 0 closes the connection, and -1 leaves the client waiting until the end.
    """
    asked: list[Any] = []
    ended = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            status, headers, body = answers[len(asked)]
            asked.append(self.headers)
            if status == -1:
                ended.wait()
            if status <= 0:
                self.close_connection = True
                return
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{listening.server_port}", asked
        ended.set()
        listening.shutdown()
        thread.join()


GOOD: Answer = (200, {}, b'{"a": 1}')
LOST: Answer = (0, {}, b"")


@BOTH
def test_retries_have_one_idempotency_key_and_respect_retry_after(
    waits: list[float], kind: Any
) -> None:
    busy, limit = (503, {"Retry-After": "5"}, b"<html>"), (429, {"Retry-After": "30"}, b"{}")
    with answering(busy, LOST, limit, GOOD) as (address, asked), kind(address) as client:
        assert client.classify(JPEG) == {"a": 1}
    for (least, most), waited in zip([(5, 6.5), (0.2, 2), (30, 34)], waits, strict=True):
        assert least <= waited <= most
    assert len({headers["Idempotency-Key"] for headers in asked}) == 1


def test_waits_are_random() -> None:
    error = ProblemError({"type": "", "title": "", "status": 429, "detail": "", "request_id": ""},
                         later=True, retry_after_s=5)  # fmt: skip
    assert len({Retries().wait_s(error, 1) for _ in range(20)}) > 10
    assert len({Retries().wait_s(httpx.ReadError(""), 3) for _ in range(20)}) > 10


@BOTH
@pytest.mark.parametrize(
    ("status", "headers", "tries"),
    [
        (429, {"Retry-After": "0"}, 4),
        (500, {}, 4),
        (502, {}, 4),
        (408, {}, 4),
        (409, {"Retry-After": "1"}, 4),
        # A wait of an hour is too long.
        (429, {"Retry-After": "3600"}, 1),
        (400, {}, 1),
        (422, {}, 1),
        (307, {"Location": "/elsewhere"}, 1),
    ],
)
def test_the_number_of_retries_is_limited(
    waits: list[float], kind: Any, status: int, headers: dict[str, str], tries: int
) -> None:
    with (
        answering(*[(status, headers, b"<html>no problem document</html>")] * 9) as (
            address,
            asked,
        ),
        kind(address) as client,
        pytest.raises(ProblemError) as refused,
    ):
        client.classify(JPEG)
    assert refused.value.problem["status"] == status
    assert len(asked) == tries == len(waits) + 1


@BOTH
def test_a_server_that_does_not_answer_is_given_up(waits: list[float], kind: Any) -> None:
    with (
        answering(*[(-1, {}, b"")] * 2) as (address, _),
        kind(address, timeout_s=0.2, retries=Retries(tries=2)) as client,
        pytest.raises(httpx.TimeoutException),
    ):
        client.classify(JPEG)
    # The number of requests is not checked: a busy server may not have seen them yet.
    assert len(waits) == 1


@BOTH
def test_a_broken_stream_is_resumed(waits: list[float], kind: Any) -> None:
    lines = b"".join(json.dumps({"index": n, "result": {}}).encode() + b"\n" for n in range(3))
    cut = (200, {"Content-Length": str(len(lines))}, lines[:-5])
    with answering(cut, (200, {}, lines)) as (address, asked), kind(address) as client:
        assert [entry["index"] for entry in client.stream([JPEG] * 3)] == [0, 1, 2]
    assert len({headers["Idempotency-Key"] for headers in asked}) == 1
    assert len(asked) == 2 == len(waits) + 1
    with (
        answering(*[cut] * 9) as (address, _),
        kind(address) as client,
        pytest.raises(httpx.TransportError),
    ):
        client.batch([JPEG] * 3)


@BOTH
@pytest.mark.parametrize("address", ["lesionlens.example", "ftp://lesionlens.example", ""])
def test_an_address_without_a_scheme_is_refused(kind: Any, address: str) -> None:
    with pytest.raises(ValueError, match="accepted is one such as https://HOST"):
        kind(address)


@pytest.mark.parametrize(("header", "expected"), [("7", 7), ("Wed, 21 Oct 2015 07:28:00 -0000", 0)])
def test_retry_after_is_seconds_or_a_past_date(header: str, expected: float) -> None:
    assert _seconds(header) == expected


def test_retry_after_is_a_coming_date() -> None:
    coming = datetime.now(UTC) + timedelta(seconds=900)
    seconds = _seconds(format_datetime(coming, usegmt=True))
    assert seconds is not None
    assert 890 < seconds <= 900


@pytest.mark.parametrize("header", [None, "soon", "", "-1", "1.5", "٣"])
def test_another_retry_after_is_none(header: str | None) -> None:
    assert _seconds(header) is None


# As a package.


@pytest.mark.parametrize("name", ["Result", "Problem", "BatchEntry"])
def test_its_types_are_those_of_the_contract(name: str) -> None:
    kind = results.Entry if name == "BatchEntry" else getattr(results, name)
    assert from_type(kind) == shape(COMPONENTS[name], COMPONENTS)


def test_the_wheel_holds_the_package_as_it_is() -> None:
    (path,) = (WEB / "reference").glob("*.whl")
    with zipfile.ZipFile(path) as wheel:
        held = {name: wheel.read(name) for name in wheel.namelist() if not name.endswith("/")}
    metadata = {name for name in held if ".dist-info/" in name}
    files = PACKAGE.joinpath("lesionlens_client").glob("*.*")
    assert {name: held[name] for name in held.keys() - metadata} == {
        f"lesionlens_client/{file.name}": file.read_bytes()
        for file in files
        if file.suffix in (".py", ".typed")
    }
    assert any(b"Requires-Dist: httpx" in held[name] for name in metadata)


@pytest.mark.slow
def test_it_installs_and_is_typed(tmp_path: Path) -> None:
    source = shutil.copytree(PACKAGE, tmp_path / "source", ignore=lambda *_: ["__pycache__"])
    install = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps")
    subprocess.run([*install, "--target", tmp_path / "packages", source], check=True)
    program = tmp_path / "program.py"
    program.write_text(
        "from lesionlens_client import Client\n"
        'client = Client("https://lesionlens.example")\n'
        'malignancy = client.classify("lesion.jpg", views=4)["malignancy"]\n'
        "reveal_type(malignancy)\n"
        'client.classify("lesion.jpg", veiws=4)\n'
    )
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file", "/dev/null", program],
        env={"MYPYPATH": "", "PYTHONPATH": str(tmp_path / "packages")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert "lesionlens_client.results.Malignancy" in checked.stdout
    assert 'Unexpected keyword argument "veiws"' in checked.stdout
    assert "Found 1 error" in checked.stdout
