"""How an answer is delivered: compressed, with its age and its timing, and what will end when."""

import gzip
import time
from dataclasses import dataclass
from datetime import UTC, datetime

import flask
from werkzeug.http import http_date

from . import context

# Read again each time, which costs a client that has them an empty 304.
CATALOGUES = ("/v1/labels", "/v1/model", "/v1/device", "/openapi.json")
# Below that, compression saves no packet.
MIN_GZIP_BYTES = 1400
GZIP_LEVEL = 6


@dataclass(frozen=True)
class Ending:
    """An address that will go: deprecated since when, ending when, and where that is explained."""

    deprecated: datetime
    sunset: datetime
    link: str

    def headers(self) -> dict[str, str]:
        """Deprecation (RFC 9745), Sunset (RFC 8594) and where to read on."""
        return {
            "Deprecation": f"@{int(self.deprecated.timestamp())}",
            "Sunset": http_date(self.sunset.astimezone(UTC)),
            "Link": f'<{self.link}>; rel="deprecation"',
        }


# By path. openapi.json says `deprecated` of the same.
ENDINGS: dict[str, Ending] = {}


def register(app: flask.Flask) -> None:
    @app.after_request
    def deliver(response: flask.Response) -> flask.Response:
        path = flask.request.path
        if path in ENDINGS:
            response.headers.update(ENDINGS[path].headers())
        if path in CATALOGUES and response.status_code == 200:
            _ask_again(response)
        if _is_json(response) and response.status_code != 304:
            _compress(response)
        response.headers["Server-Timing"] = _timing()
        return response


def _timing() -> str:
    known = context.current()
    stages = {**known.stages, "app": 1e3 * (time.perf_counter() - known.started)}
    return ", ".join(f"{name};dur={value:.2f}" for name, value in stages.items())


def _ask_again(response: flask.Response) -> None:
    response.headers["Cache-Control"] = "no-cache"
    # Weak: the compressed answer has the same tag.
    response.add_etag(weak=True)
    response.make_conditional(flask.request)


def _compress(response: flask.Response) -> None:
    if response.direct_passthrough:
        return
    body = response.get_data()
    if len(body) >= MIN_GZIP_BYTES and flask.request.accept_encodings.quality("gzip") > 0:
        # Without a time in it, the same answer has the same bytes.
        response.set_data(gzip.compress(body, GZIP_LEVEL, mtime=0))
        response.content_encoding = "gzip"


def vary(response: flask.Response, by_origin: bool, by_form: bool) -> None:
    """Tell caches which headers of a request the answer depends on, all at once."""
    named = {"Accept-Encoding": _is_json(response), "Origin": by_origin, "Accept": by_form}
    names = [name for name, counts in named.items() if counts]
    if "Vary" in response.headers:
        response.vary.update(names)
    elif names:
        response.headers["Vary"] = ", ".join(names)


def _is_json(response: flask.Response) -> bool:
    return (response.mimetype or "").endswith("json")
