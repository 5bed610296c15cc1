"""From an HTTP request to the bytes of its images, however they were sent."""

import base64
import binascii
import contextlib
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any, cast

import flask
from werkzeug.exceptions import ClientDisconnected
from werkzeug.utils import cached_property
from werkzeug.wsgi import LimitedStream

from ..errors import BodyTooLarge, MalformedRequest, TooSlow, UnsupportedCoding, UnsupportedType
from . import forms
from .deadlines import DEADLINES
from .record import FIELDS, NOTHING, Record

FIELD = "image"
BATCH_FIELD = "images"
FORM_TYPE = "multipart/form-data"
JSON_TYPE = "application/json"
# The content tells what an image is; these types say that the body is one. So does no type at all.
RAW_TYPES = ("application/octet-stream", "binary/octet-stream", "application/dicom")
RAW_FAMILY = "image/"
ACCEPTED = (
    f"{FORM_TYPE} (field {FIELD!r}), {JSON_TYPE} ({{{FIELD!r}: BASE64}}), {RAW_FAMILY}…, "
    + ", ".join(RAW_TYPES)
)

ACCEPTED_BATCH = (
    f"{FORM_TYPE} (field {BATCH_FIELD!r}) and "
    f'{JSON_TYPE} ({{"{BATCH_FIELD}": [{{"{FIELD}": BASE64}}, …]}})'
)

# Brackets and commas of a JSON body, beside those for each image: base64 has none of them.
MAX_JSON_SIGNS = 100
SIGNS_AN_IMAGE = 10
MAX_ID = 128  # characters
DATA_URL = re.compile(r"data:[^,]{0,200};base64,", re.IGNORECASE)
# base64url (RFC 4648, 5) to base64.
STANDARD = bytes.maketrans(b"-_", b"+/")
WHITESPACE = b" \t\r\n"
# Bytes from which JSON bodies are parsed one after the other: each takes three times its size, and
# steps of 50 ms in which no other thread runs.
LARGE_JSON = 1024 * 1024
_LARGE_JSON_TURN = threading.Lock()


@dataclass(frozen=True)
class Upload:
    """One image as it was posted, not yet looked at."""

    data: bytes
    record: Record = NOTHING
    id: str | None = None  # in a batch, to be found again in the answer


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
    """Accepts a chunked body of exactly the limit, and no more."""

    @cached_property
    def stream(self) -> IO[bytes]:
        # First the refusal of what announces that it is too long.
        stream = super().stream
        limit = self.max_content_length
        if limit is None or "wsgi.input_terminated" not in self.environ:
            return stream
        return cast(IO[bytes], Body(self.environ["wsgi.input"], limit))


def read(request: flask.Request) -> Upload:
    """Return the posted image.

    Raises MalformedRequest, UnsupportedType, UnsupportedCoding, TooSlow, and BodyTooLarge or
    Werkzeug's RequestEntityTooLarge if the body is over the app's limit.
    """
    media_type = _media_type(request)
    with _reading(request):
        if media_type == FORM_TYPE:
            posted = _from_form(request)
        elif media_type == JSON_TYPE:
            body = _body(request)
            with _turn(body):
                posted = _from_json(body)
        elif not media_type or media_type in RAW_TYPES or media_type.startswith(RAW_FAMILY):
            posted = Upload(_body(request))
        else:
            raise UnsupportedType(
                f"The body is {media_type[:100]}; accepted are {ACCEPTED}, or no type at all."
            )
    if not posted.data:
        raise MalformedRequest("The image is empty (0 bytes); send the bytes of one image file.")
    return posted


def read_batch(request: flask.Request, most: int) -> list[Upload]:
    """Return the posted images in their order.

    Raises what `read` raises.
    """
    media_type = _media_type(request)
    with _reading(request):
        if media_type == FORM_TYPE:
            posted = _several_from_form(request, most)
        elif media_type == JSON_TYPE:
            body = _body(request)
            with _turn(body):
                posted = _several_from_json(body, most)
        else:
            raise UnsupportedType(
                f"The body is {media_type[:100] or 'of no type'}; accepted are {ACCEPTED_BATCH}."
            )
    if len(posted) > most:
        raise MalformedRequest(f"{len(posted)} images were sent; at most {most} are accepted.")
    return posted


def _media_type(request: flask.Request) -> str:
    """Return the body's media type in lower case. Raises UnsupportedCoding."""
    coding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if coding not in ("", "identity"):
        raise UnsupportedCoding(
            f"The body has Content-Encoding {coding[:40]!r}; accepted is a body without one."
        )
    return request.mimetype


@contextlib.contextmanager
def _reading(request: flask.Request) -> Iterator[None]:
    """Bound the time for a body, and tell the client what it did wrong in sending it.

    Only gunicorn, which serves wherever this runs for others, hands out the client's socket.
    """
    seconds = flask.current_app.config["UPLOAD_SECONDS"]
    client = request.environ.get("gunicorn.socket")
    try:
        with DEADLINES.within(client, seconds) if client else contextlib.nullcontext():
            yield
    except (TimeoutError, ClientDisconnected) as error:
        # Werkzeug takes a read that came to no end for a client that has gone.
        if not any(isinstance(one, TimeoutError) for one in (error, error.__context__)):
            raise
        # What still arrives must not be taken for the connection's next request.
        request.environ["wsgi.input"].failed = True
        raise TooSlow(
            f"The body did not arrive within {seconds} seconds, or it stopped, or it was slow "
            "while others waited; accepted is a smaller one, or a faster connection."
        ) from None
    except OSError:
        raise ClientDisconnected from None
    except Exception as error:
        # The server's own, raised while it takes the chunks and trailers of a body apart.
        if type(error).__module__ != "gunicorn.http.errors":
            raise
        raise MalformedRequest(
            f"The body's chunks or trailers are malformed ({type(error).__name__}); "
            "accepted is chunked coding as in RFC 9112, 7.1."
        ) from None


def _turn(body: bytes) -> contextlib.AbstractContextManager[object]:
    return _LARGE_JSON_TURN if len(body) > LARGE_JSON else contextlib.nullcontext()


def _body(request: flask.Request) -> bytes:
    data = request.get_data(cache=False)
    _require_whole(request, len(data))
    return data


def _require_whole(request: flask.Request, received: int) -> None:
    """Raises ClientDisconnected, BodyTooLarge."""
    if request.content_length is None:
        # Werkzeug cuts a body of unknown length at the limit in silence; the next read tells.
        request.stream.read(1)
    elif received < request.content_length:
        raise ClientDisconnected


def _form(request: flask.Request, field: str) -> forms.Form:
    boundary = request.mimetype_params.get("boundary", "")
    return forms.parse(request.stream.read, boundary, field, FIELDS)


def _from_form(request: flask.Request) -> Upload:
    form = _form(request, FIELD)
    if len(form.files) == 1:
        return Upload(form.files[0], Record.of(form.texts))
    if form.files:
        raise MalformedRequest(f"{len(form.files)} images were sent; this address takes one.")
    if form.as_text:
        raise MalformedRequest(
            f"The field {FIELD!r} is text; send it as a file, with a filename in its part."
        )
    found = sorted(set(form.names))
    names = ", ".join(map(repr, found[:5])) if found else "no field"
    raise MalformedRequest(f"The form holds {names}; the image belongs in the field {FIELD!r}.")


def _several_from_form(request: flask.Request, most: int) -> list[Upload]:
    form = _form(request, BATCH_FIELD)
    if not form.files:
        raise MalformedRequest(
            f"The form holds no file in the field {BATCH_FIELD!r}; 1 to {most} are accepted."
        )
    record = Record.of(form.texts)
    return [Upload(data, record) for data in form.files]


def _from_json(body: bytes) -> Upload:
    _require_few_signs(body, MAX_JSON_SIGNS, f'{{"{FIELD}": "BASE64"}}')
    document = _parsed(body)
    if not isinstance(document, dict) or not isinstance(document.get(FIELD), str):
        raise MalformedRequest(f'The JSON must be an object {{"{FIELD}": "BASE64"}}.')
    return Upload(_from_base64(document[FIELD], FIELD), Record.of(document))


def _several_from_json(body: bytes, most: int) -> list[Upload]:
    shape = f'{{"{BATCH_FIELD}": [{{"{FIELD}": "BASE64", "id": "YOURS"}}, …]}}'
    _require_few_signs(body, MAX_JSON_SIGNS + SIGNS_AN_IMAGE * most, shape)
    document = _parsed(body)
    images = document.get(BATCH_FIELD) if isinstance(document, dict) else None
    if not isinstance(images, list) or not images:
        raise MalformedRequest(f"The JSON must be an object {shape}; 1 to {most} are accepted.")
    return [_one_of_several(number, entry, shape) for number, entry in enumerate(images)]


def _one_of_several(number: int, entry: Any, shape: str) -> Upload:
    place = f"{BATCH_FIELD}[{number}]"
    if not isinstance(entry, dict) or not isinstance(entry.get(FIELD), str):
        raise MalformedRequest(f"{place} is no object with {FIELD!r}; accepted is {shape}.")
    name = entry.get("id")
    if name is not None and not (isinstance(name, str) and 0 < len(name) <= MAX_ID):
        raise MalformedRequest(f"{place}.id is no text of 1 to {MAX_ID} characters.")
    return Upload(_from_base64(entry[FIELD], f"{place}.{FIELD}"), Record.of(entry), name)


def _require_few_signs(body: bytes, most: int, shape: str) -> None:
    # What holds more of these is no image, and would take 30 times its size.
    if sum(body.count(sign) for sign in (b"[", b"{", b",")) > most:
        raise MalformedRequest(f"The JSON must be an object {shape}, no more.")


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise MalformedRequest("The body is not valid JSON.") from None


def _from_base64(text: str, field: str) -> bytes:
    """Decode base64 or base64url, with or without padding, line breaks or a data URL's start."""
    start = DATA_URL.match(text)
    try:
        data = text[start.end() if start else 0 :].encode("ascii")
        data = data.translate(STANDARD, WHITESPACE).rstrip(b"=")
        return base64.b64decode(data + b"=" * (-len(data) % 4), validate=True)
    except (binascii.Error, UnicodeError):
        raise MalformedRequest(
            f"The field {field!r} is not valid base64 (RFC 4648); accepted is base64 or base64url, "
            "also with line breaks, without padding, or as a data URL."
        ) from None
