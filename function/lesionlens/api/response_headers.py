"""Compression, caching, timing and deprecation of answers."""

import gzip
import time
from dataclasses import dataclass
from datetime import UTC, datetime

import flask
from werkzeug.http import http_date, parse_date

from . import context

# Paths whose answers clients may store but must revalidate, at the cost of an empty 304.
CATALOGUES = ("/v1/labels", "/v1/model", "/v1/device", "/openapi.json")
# Smaller answers fit into one packet anyway.
MIN_GZIP_BYTES = 1400
GZIP_LEVEL = 6


@dataclass(frozen=True)
class Ending:
    """The deprecation of a path, its removal date, and the URL of an explanation."""

    deprecated: datetime
    sunset: datetime
    link: str

    def headers(self) -> dict[str, str]:
        """Return the header fields Deprecation (RFC 9745), Sunset (RFC 8594) and Link."""
        return {
            "Deprecation": f"@{int(self.deprecated.timestamp())}",
            "Sunset": http_date(self.sunset.astimezone(UTC)),
            "Link": f'<{self.link}>; rel="deprecation"',
        }


# By path. The same paths are `deprecated` in openapi.json.
ENDINGS: dict[str, Ending] = {}


# As WSGI names them.
_CONDITIONS = ("HTTP_IF_MODIFIED_SINCE", "HTTP_IF_UNMODIFIED_SINCE", "HTTP_IF_RANGE")


def register(app: flask.Flask) -> None:
    """Set these headers on every answer, and compress JSON."""

    @app.before_request
    def ignore_impossible_dates() -> None:
        """Drop dates on which Werkzeug's parser fails; RFC 9110, 13.1.3, has them ignored."""
        for name in _CONDITIONS:
            try:
                parse_date(flask.request.environ.get(name))
            except OverflowError:
                del flask.request.environ[name]

    @app.after_request
    def deliver(response: flask.Response) -> flask.Response:
        path = flask.request.path
        if path in ENDINGS:
            response.headers.update(ENDINGS[path].headers())
        if path in CATALOGUES and response.status_code == 200:
            _make_revalidated(response)
        if _is_json(response) and response.status_code != 304:
            _compress(response)
        response.headers["Server-Timing"] = _timing()
        return response


def _timing() -> str:
    known = context.current()
    stages = {**known.stages, "app": 1e3 * (time.perf_counter() - known.started)}
    return ", ".join(f"{name};dur={value:.2f}" for name, value in stages.items())


def _make_revalidated(response: flask.Response) -> None:
    response.headers["Cache-Control"] = "no-cache"
    # Weak, because the compressed answer has the same tag.
    response.add_etag(weak=True)
    response.make_conditional(flask.request)


def _compress(response: flask.Response) -> None:
    if response.direct_passthrough:
        return
    body = response.get_data()
    if len(body) >= MIN_GZIP_BYTES and flask.request.accept_encodings.quality("gzip") > 0:
        # Without a modification time, equal answers compress to equal bytes.
        response.set_data(gzip.compress(body, GZIP_LEVEL, mtime=0))
        response.content_encoding = "gzip"


def vary(response: flask.Response, by_origin: bool, by_form: bool) -> None:
    """Add the request headers on which the answer depends to its Vary header.

    ``by_origin``: the CORS headers depend on Origin; ``by_form``: the format depends on Accept.
    """
    named = {"Accept-Encoding": _is_json(response), "Origin": by_origin, "Accept": by_form}
    names = [name for name, counts in named.items() if counts]
    if "Vary" in response.headers:
        response.vary.update(names)
    elif names:
        response.headers["Vary"] = ", ".join(names)


def _is_json(response: flask.Response) -> bool:
    return (response.mimetype or "").endswith("json")
