"""From an HTTP request to the bytes of one image, however it was sent."""

import base64
import binascii
import io
import json
from contextlib import AbstractContextManager
from typing import IO, Any, BinaryIO, cast

import flask
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import ClientDisconnected
from werkzeug.utils import cached_property
from werkzeug.wsgi import LimitedStream

from ..errors import BodyTooLarge, MalformedRequest, UnsupportedType
from ..imaging.decode import FORMATS
from .upload_timeout import Watch

FIELD = "image"
BATCH_FIELD = "images"
RAW_TYPES = (*FORMATS.values(), "application/octet-stream")
ACCEPTED = f"multipart/form-data (field {FIELD!r}), application/json ({{{FIELD!r}: BASE64}}), " + (
    ", ".join(RAW_TYPES)
)

# Brackets and commas of a JSON body.
MAX_JSON_SIGNS = 100

_watch = Watch()


class Body(LimitedStream):
    """A body of at most ``limit`` bytes: Werkzeug's own refuses one of exactly as many."""

    def __init__(self, stream: IO[bytes], limit: int) -> None:
        super().__init__(stream, limit, is_max=True)
        self._source = stream

    def on_exhausted(self) -> None:
        # Who reads on at the limit may only want to know that this is the end.
        if self._source.read(1):
            raise BodyTooLarge.over(self.limit)


class Request(flask.Request):
    """Keeps uploads in memory: Werkzeug would write large ones to a temporary file."""

    def _get_file_stream(self, *args: Any, **kwargs: Any) -> BinaryIO:
        return io.BytesIO()

    @cached_property
    def stream(self) -> IO[bytes]:
        # First the refusal of what announces that it is too long.
        stream = super().stream
        limit = self.max_content_length
        if limit is None or "wsgi.input_terminated" not in self.environ:
            return stream
        return cast(IO[bytes], Body(self.environ["wsgi.input"], limit))


def read(request: flask.Request) -> bytes:
    """Return the posted image, not yet looked at.

    Raises MalformedRequest, UnsupportedType, TooSlow, and BodyTooLarge or Werkzeug's
    RequestEntityTooLarge if the body is over the app's limit.
    """
    with _in_time(request):
        data = _read(request)
    if not data:
        raise MalformedRequest("The image is empty (0 bytes); send the bytes of one image file.")
    return data


def again(request: flask.Request) -> bytes:
    """The file that `read` took from a form; empty if the image came otherwise."""
    file = request.files.get(FIELD)
    if file is None:
        return b""
    file.seek(0)
    data: bytes = file.read()
    return data


def read_batch(request: flask.Request, most: int) -> list[bytes]:
    """Return the posted images in their order.

    Raises MalformedRequest, UnsupportedType, TooSlow, BodyTooLarge, RequestEntityTooLarge.
    """
    if request.mimetype != "multipart/form-data":
        raise UnsupportedType(
            f"The body is {request.mimetype or 'of no type'}; "
            f"accepted is multipart/form-data (field {BATCH_FIELD!r})."
        )
    with _in_time(request):
        files: list[FileStorage] = request.files.getlist(BATCH_FIELD)
    if not files:
        raise MalformedRequest(
            f"The form holds no file in the field {BATCH_FIELD!r}; 1 to {most} are accepted."
        )
    if len(files) > most:
        raise MalformedRequest(f"{len(files)} images were sent; at most {most} are accepted.")
    return [file.read() for file in files]


def _in_time(request: flask.Request) -> AbstractContextManager[None]:
    return _watch.over(request, flask.current_app.config["UPLOAD_SECONDS"])


def _read(request: flask.Request) -> bytes:
    media_type = request.mimetype
    if media_type == "multipart/form-data":
        return _from_form(request)
    if media_type == "application/json":
        return _from_json(_body(request))
    if media_type in RAW_TYPES or not media_type:
        return _body(request)
    raise UnsupportedType(f"The body is {media_type}; accepted are {ACCEPTED}.")


def _body(request: flask.Request) -> bytes:
    data = request.get_data(cache=False)
    if request.content_length is None:
        # Werkzeug cuts a body of unknown length at the limit in silence; the next read tells.
        request.stream.read(1)
    elif len(data) < request.content_length:
        raise ClientDisconnected
    return data


def _from_form(request: flask.Request) -> bytes:
    files: list[FileStorage] = request.files.getlist(FIELD)
    if len(files) == 1:
        data: bytes = files[0].read()
        return data
    if len(files) > 1:
        raise MalformedRequest(f"{len(files)} images were sent; this address takes one.")
    if FIELD in request.form:
        raise MalformedRequest(
            f"The field {FIELD!r} is text; send it as a file, with a filename in its part."
        )
    found = sorted({str(name)[:40] for name in (*request.files, *request.form)})
    names = ", ".join(map(repr, found[:5])) if found else "no field, or no end of one"
    raise MalformedRequest(f"The form holds {names}; the image belongs in the field {FIELD!r}.")


def _from_json(body: bytes) -> bytes:
    # Base64 holds none of these: what does is no image, and would take 30 times its size.
    if sum(body.count(sign) for sign in (b"[", b"{", b",")) > MAX_JSON_SIGNS:
        raise MalformedRequest(f'The JSON must be an object {{"{FIELD}": "BASE64"}}, no more.')
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise MalformedRequest("The body is not valid JSON.") from None
    if not isinstance(document, dict) or not isinstance(document.get(FIELD), str):
        raise MalformedRequest(f'The JSON must be an object {{"{FIELD}": "BASE64"}}.')
    try:
        return base64.b64decode(document[FIELD], validate=True)
    except (binascii.Error, ValueError):
        raise MalformedRequest(f"The field {FIELD!r} is not valid base64 (RFC 4648).") from None
