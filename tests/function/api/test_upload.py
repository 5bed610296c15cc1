import base64
import io
import json
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import flask
import pytest

from lesionlens.api import json_body, upload
from lesionlens.api.request_body import Request


def test_a_large_upload_in_a_form_touches_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """By default Werkzeug writes parts above 500 kB to a temporary file."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a temporary file was opened")

    for name in ("TemporaryFile", "SpooledTemporaryFile", "NamedTemporaryFile"):
        monkeypatch.setattr(tempfile, name, refuse)
        monkeypatch.setattr(f"werkzeug.formparser.{name}", refuse, raising=False)
    image = b"x" * 2_000_000
    body = (
        b"--e\r\nContent-Disposition: form-data; name=image; filename=a\r\n\r\n"
        + image
        + b"\r\n--e--\r\n"
    )
    app = flask.Flask("test")
    app.request_class = Request
    app.config["UPLOAD_SECONDS"] = 55
    with app.test_request_context(
        "/", method="POST", input_stream=io.BytesIO(body), content_length=len(body),
        content_type="multipart/form-data; boundary=e",
    ):  # fmt: skip
        assert upload.read(flask.request).data == image


@pytest.mark.parametrize("read", [upload.read, lambda request: upload.read_batch(request, 16)[0]])
def test_large_json_bodies_are_parsed_one_after_the_other(
    read: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Small bodies do not wait."""
    image = bytes(json_body.LARGE_JSON)
    running, most = 0, 0
    counting, small_passed = threading.Lock(), threading.Event()
    parsed = json.loads

    def loads(body: bytes) -> Any:
        nonlocal running, most
        if len(body) > json_body.LARGE_JSON:
            assert small_passed.wait(60)
            with counting:
                running += 1
                most = max(most, running)
            threading.Event().wait(0.05)
            with counting:
                running -= 1
        return parsed(body)

    monkeypatch.setattr(json, "loads", loads)
    app = flask.Flask("test")
    app.request_class = Request
    app.config["UPLOAD_SECONDS"] = 55

    def post(data: bytes) -> bytes:
        entry = {"image": base64.b64encode(data).decode()}
        document = {**entry, "images": [entry]}
        with app.test_request_context("/", method="POST", json=document):
            found: bytes = read(flask.request).data
            return found

    with ThreadPoolExecutor(4) as threads:
        large = [threads.submit(post, image) for _ in range(3)]
        assert threads.submit(post, b"x").result(60) == b"x"
        small_passed.set()
        assert [one.result() for one in large] == [image] * 3
    assert most == 1
