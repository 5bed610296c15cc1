import io
import tempfile

import flask
import pytest

from lesionlens.api import upload
from lesionlens.api.upload import Request


def test_a_large_upload_in_a_form_touches_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Werkzeug writes parts above 500 kB to a temporary file, unless told otherwise."""

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
