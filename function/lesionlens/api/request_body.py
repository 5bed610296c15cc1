"""The body of a request, bounded in bytes and in time."""

import contextlib
from collections.abc import Iterator
from typing import IO, cast

import flask
from werkzeug.exceptions import ClientDisconnected
from werkzeug.utils import cached_property
from werkzeug.wsgi import LimitedStream

from ..errors import BodyTooLarge, MalformedRequest, TooSlow, UnsupportedCoding
from .deadlines import DEADLINES


class _ChunkedBody(LimitedStream):
    """A body of unknown length, of which ``limit`` bytes are accepted.

    Werkzeug's own stream refuses a body of exactly ``limit`` bytes.
    """

    def __init__(self, stream: IO[bytes], limit: int) -> None:
        super().__init__(stream, limit, is_max=True)
        self._source = stream

    def on_exhausted(self) -> None:
        # A read at the limit may only be looking for the end of the body.
        if self._source.read(1):
            raise BodyTooLarge.over(self.limit)


class Request(flask.Request):
    """Flask's request, except that it accepts a chunked body of exactly MAX_CONTENT_LENGTH bytes.

    A larger body raises BodyTooLarge or Werkzeug's RequestEntityTooLarge when it is read.
    """

    @cached_property
    def stream(self) -> IO[bytes]:
        """The body as a file-like object."""
        # Werkzeug refuses a body whose announced length is over the limit.
        stream = super().stream
        limit = self.max_content_length
        if limit is None or "wsgi.input_terminated" not in self.environ:
            return stream
        return cast(IO[bytes], _ChunkedBody(self.environ["wsgi.input"], limit))


def media_type(request: flask.Request) -> str:
    """Return the body's media type in lower case, without parameters; "" if there is none.

    Raises UnsupportedCoding for a compressed body.
    """
    coding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if coding not in ("", "identity"):
        raise UnsupportedCoding(
            f"The body has Content-Encoding {coding[:40]!r}; accepted is a body without one."
        )
    return request.mimetype


@contextlib.contextmanager
def receiving(request: flask.Request) -> Iterator[None]:
    """Read the body in this block, for at most UPLOAD_SECONDS.

    Only gunicorn hands out the client's socket; other servers, used in development, have no limit.
    Raises TooSlow, MalformedRequest for malformed chunks or trailers, and ClientDisconnected.
    """
    seconds = flask.current_app.config["UPLOAD_SECONDS"]
    client = request.environ.get("gunicorn.socket")
    try:
        with DEADLINES.within(client, seconds) if client else contextlib.nullcontext():
            yield
    except (TimeoutError, ClientDisconnected) as error:
        # Werkzeug turns a read that timed out into ClientDisconnected.
        if not any(isinstance(one, TimeoutError) for one in (error, error.__context__)):
            raise
        # gunicorn must not parse what still arrives as the connection's next request.
        request.environ["wsgi.input"].failed = True
        raise TooSlow(
            f"The body did not arrive within {seconds} seconds, or it stopped, or it was slow "
            "while others waited; accepted is a smaller one, or a faster connection."
        ) from None
    except OSError:
        raise ClientDisconnected from None
    except Exception as error:
        # Raised by gunicorn while it parses the chunks and trailers of the body.
        if type(error).__module__ != "gunicorn.http.errors":
            raise
        raise MalformedRequest(
            f"The body's chunks or trailers are malformed ({type(error).__name__}); "
            "accepted is chunked coding as in RFC 9112, 7.1."
        ) from None


def read(request: flask.Request) -> bytes:
    """Return the whole body. Raises ClientDisconnected if it ends early, BodyTooLarge."""
    data = request.get_data(cache=False)
    if request.content_length is None:
        # Werkzeug silently cuts a body of unknown length at the limit; a further read raises.
        request.stream.read(1)
    elif len(data) < request.content_length:
        raise ClientDisconnected
    return data
