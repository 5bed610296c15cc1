"""The form of an answer that the client accepts: JSON or FHIR for programs, a page for people."""

import base64
import json

import flask
from werkzeug.datastructures import MIMEAccept

from ..errors import NotAcceptable
from . import fhir

JSON = "application/json"
PROBLEM = "application/problem+json"
HTML = "text/html"
FHIR = fhir.MEDIA_TYPE

# What browsers show, by how the file begins.
SHOWN = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG": "image/png", b"RIFF": "image/webp"}
MAX_SHOWN_BYTES = 4 * 1024 * 1024  # of an upload that its page gives back


def chosen(request: flask.Request) -> str:
    """Return `JSON`, `HTML` or `FHIR`, JSON where all are as welcome. Raises NotAcceptable."""
    accepted = request.accept_mimetypes
    if not accepted:
        return JSON
    # Parameters such as charset do not matter to what is answered.
    accepted = MIMEAccept([(value.partition(";")[0].strip(), q) for value, q in accepted])
    match = accepted.best_match((JSON, HTML, FHIR))
    if match is None and accepted.best_match((PROBLEM,)) is None:
        raise NotAcceptable(
            f"Accept is {request.headers['Accept'][:100]!r}; "
            f"this address answers {JSON}, {HTML} or {FHIR}."
        )
    return match or JSON


def require_explainable(request: flask.Request) -> None:
    """Raises NotAcceptable where the answer would leave out the explanation that is asked for."""
    form = chosen(request)
    if form != JSON:
        raise NotAcceptable(
            f"An explanation is asked for, and an answer as {form}, which holds none; "
            f"accepted is {JSON}, or no explain."
        )


def report(result: dict[str, object]) -> flask.Response:
    """Render a result for software that keeps medical records."""
    return flask.Response(json.dumps(fhir.report(result)), content_type=FHIR)


def page(
    result: dict[str, object] | None = None,
    problem: dict[str, object] | None = None,
    sensitivity: float | None = None,
    picture: bytes = b"",
) -> str:
    """Render a result, or a problem, for people.

    ``sensitivity``: share of malignant lesions that are flagged; ``picture``: the upload.
    """
    return flask.render_template(
        "result.html",
        result=result,
        problem=problem,
        sensitivity=sensitivity,
        picture=_address(picture),
        percent=percent,
    )


def _address(picture: bytes) -> str | None:
    """The picture as a data: address, if browsers show its format and it is not too large."""
    media_type = next((kind for start, kind in SHOWN.items() if picture.startswith(start)), None)
    if media_type is None or len(picture) > MAX_SHOWN_BYTES:
        return None
    return f"data:{media_type};base64,{base64.b64encode(picture).decode()}"


def percent(share: float, digits: int = 0) -> str:
    """Write a probability; never as 0% or 100%, because a model is never that sure."""
    least = 10.0 ** -(2 + digits)
    if share < least:
        return f"< {least:.{digits}%}"
    if share > 1 - least:
        return f"> {1 - least:.{digits}%}"
    return f"{share:.{digits}%}"
