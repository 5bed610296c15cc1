"""Response headers: entity tags, compression, timing, deprecation."""

import gzip
import json
import re
from datetime import UTC, datetime

import pytest
from werkzeug.test import Client

from lesionlens.api import response_headers
from lesionlens.api.response_headers import CATALOGUES, Ending
from tests.conftest import ROOT, create_client
from tests.pictures import JPEG


@pytest.mark.parametrize("name", ["If-Modified-Since", "If-Unmodified-Since", "If-Range"])
def test_a_date_that_cannot_be_is_ignored(
    monkeypatch: pytest.MonkeyPatch, shared_client: Client, name: str
) -> None:
    headers = {name: "Mon, 01 Jan 99999999999999999999 00:00:00 GMT", "Range": "bytes=0-9"}
    assert shared_client.get("/v1/labels", headers=headers).json["labels"]
    monkeypatch.setenv("WEB_DIR", str(ROOT / "web"))
    with create_client().get("/", headers=headers) as page:
        assert page.status_code in (200, 206)


@pytest.mark.parametrize("path", CATALOGUES)
def test_a_matching_etag_gets_304(shared_client: Client, path: str) -> None:
    first = shared_client.get(path)
    tag = first.headers["ETag"]
    assert tag.startswith('W/"')
    assert first.headers["Cache-Control"] == "no-cache"
    # Also for a client that accepts compression.
    for headers in ({"If-None-Match": tag}, {"If-None-Match": tag, "Accept-Encoding": "gzip"}):
        again = shared_client.get(path, headers=headers)
        assert (again.status_code, again.data) == (304, b"")
        assert again.headers["ETag"] == tag
    assert shared_client.get(path, headers={"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.parametrize(
    ("path", "accepted", "compressed"),
    [
        ("/v1/model", "gzip, br", True),
        ("/v1/model", "gzip;q=0", False),
        ("/v1/model", "br", False),
        ("/health", "gzip", False),
    ],
)
def test_large_json_is_compressed_where_that_is_accepted(
    shared_client: Client, path: str, accepted: str, compressed: bool
) -> None:
    plain = shared_client.get(path)
    answer = shared_client.get(path, headers={"Accept-Encoding": accepted})
    assert "Accept-Encoding" in plain.headers["Vary"]
    assert (answer.headers.get("Content-Encoding") == "gzip") is compressed
    body = gzip.decompress(answer.data) if compressed else answer.data
    assert body == plain.data
    assert int(answer.headers["Content-Length"]) == len(answer.data)


def test_stages_are_timed(shared_client: Client) -> None:
    number = r"\d+\.\d\d"
    answer = shared_client.post("/v1/classify", data=JPEG, content_type="image/jpeg")
    stages = "".join(f"{name};dur={number}, " for name in answer.json["timing_ms"])
    assert re.fullmatch(f"{stages}app;dur={number}", answer.headers["Server-Timing"])
    nothing = shared_client.get("/nothing").headers["Server-Timing"]
    assert re.fullmatch(f"app;dur={number}", nothing)


def test_deprecated_routes_have_headers_that_say_so(
    shared_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    ending = Ending(
        deprecated=datetime(2027, 1, 1, tzinfo=UTC),
        sunset=datetime(2028, 1, 1, tzinfo=UTC),
        link="/reference/index.html",
    )
    monkeypatch.setitem(response_headers.ENDINGS, "/v1/labels", ending)
    headers = shared_client.get("/v1/labels").headers
    assert headers["Deprecation"] == "@1798761600"
    assert headers["Sunset"] == "Sat, 01 Jan 2028 00:00:00 GMT"
    assert headers["Link"] == '</reference/index.html>; rel="deprecation"'
    assert "Deprecation" not in shared_client.get("/v1/model").headers


def test_the_document_says_what_is_deprecated() -> None:
    paths = json.loads((ROOT / "function" / "openapi.json").read_text())["paths"]
    said = {path for path, item in paths.items() for op in item.values()
            if isinstance(op, dict) and op.get("deprecated")}  # fmt: skip
    assert said == set(response_headers.ENDINGS)
