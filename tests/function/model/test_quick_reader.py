import base64
import http.server
import json
import threading
from collections.abc import Iterator

import google_crc32c
import pytest

from lesionlens.model import quick_reader
from lesionlens.model.cloud_store import CloudStore
from lesionlens.model.object_store import ABSENT
from tests import emulator, python_program

DATA = b"manifest"
HASH = base64.b64encode(google_crc32c.value(DATA).to_bytes(4, "big")).decode()
SOUND = {"X-Goog-Generation": "7", "X-Goog-Hash": f"crc32c={HASH},md5=x"}
TOKEN = "Bearer of-the-instance"


class Answers(http.server.BaseHTTPRequestHandler):
    """A metadata server and a store that accepts its token; status and headers are set by tests."""

    protocol_version = "HTTP/1.1"
    status, headers_sent, body = 200, SOUND, DATA

    def do_GET(self) -> None:
        if self.path == quick_reader.TOKEN_PATH:
            known = self.headers["Metadata-Flavor"] == "Google"
            token = {"access_token": TOKEN.removeprefix("Bearer "), "expires_in": 3000}
            self._send(200 if known else 403, {}, json.dumps(token if known else {}).encode())
        elif (self.path, self.headers["Authorization"]) == (
            "/download/storage/v1/b/models/o/a%2Fb%20c?alt=media",
            TOKEN,
        ):
            self._send(self.status, self.headers_sent, self.body)
        else:
            self._send(401, SOUND, DATA)

    def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = len(body) < int(headers.get("Content-Length", "0"))

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The environment of an instance; returns the address of metadata server and store."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        address = f"127.0.0.1:{server.server_port}"
        monkeypatch.setenv("K_SERVICE", "lesionlens")
        monkeypatch.setenv("GCE_METADATA_HOST", address)
        monkeypatch.setattr(quick_reader, "ENDPOINT", f"http://{address}")
        try:
            yield address
        finally:
            server.shutdown()
            thread.join()


def test_an_instance_reads_with_the_token_of_its_service_account(cloud: str) -> None:
    reader = quick_reader.open_reader("models")
    assert reader is not None
    for _ in range(2):  # the second on the same connection
        assert reader.read("a/b c", len(DATA)) == (DATA, 7)
    assert len(reader._idle) == 1


@pytest.mark.parametrize(
    ("status", "headers", "body", "at_most"),
    [
        pytest.param(200, SOUND, DATA, len(DATA) - 1, id="too large"),
        pytest.param(404, SOUND, DATA, 100, id="missing"),
        pytest.param(503, SOUND, DATA, 100, id="unavailable"),
        pytest.param(200, SOUND, DATA[::-1], 100, id="other bytes"),
        pytest.param(200, {**SOUND, "Content-Length": "99"}, DATA[:-1], 100, id="cut off"),
        pytest.param(200, {"X-Goog-Generation": "7"}, DATA, 100, id="no hash"),
        pytest.param(200, {"X-Goog-Hash": f"crc32c={HASH}"}, DATA, 100, id="no generation"),
    ],
)
def test_what_is_not_as_expected_is_left_to_the_library(
    cloud: str,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    headers: dict[str, str],
    body: bytes,
    at_most: int,
) -> None:
    for name, value in {"status": status, "headers_sent": headers, "body": body}.items():
        monkeypatch.setattr(Answers, name, value)
    reader = quick_reader.open_reader("models")
    assert reader is not None
    assert reader.read("a/b c", at_most) is None
    assert reader._idle == []


def test_a_store_that_cannot_be_reached_is_left_to_the_library(
    cloud: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quick_reader, "ENDPOINT", "http://127.0.0.1:9")
    reader = quick_reader.open_reader("models")
    assert reader is not None
    assert reader.read("a/b c", 100) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GOOGLE_APPLICATION_CREDENTIALS", "/key.json"),
        ("K_SERVICE", None),
        ("GCE_METADATA_HOST", "127.0.0.1:9"),
    ],
)
def test_other_credentials_are_left_to_the_library(
    cloud: str, monkeypatch: pytest.MonkeyPatch, name: str, value: str | None
) -> None:
    if value is None:
        monkeypatch.delenv(name)
    else:
        monkeypatch.setenv(name, value)
    assert quick_reader.open_reader("models") is None


READ = """
import sys
from lesionlens.model.cloud_store import CloudStore
print(CloudStore({bucket!r}, "quick").read("object", 10))
assert "google.cloud.storage" not in sys.modules
"""


def test_the_library_is_not_imported_where_all_goes_well() -> None:
    with emulator.running() as bucket:
        CloudStore(bucket.name, "quick").write("object", b"bytes", ABSENT)
        done = python_program.run(READ.format(bucket=bucket.name))
    assert done.stderr == ""
    assert "b'bytes'" in done.stdout
