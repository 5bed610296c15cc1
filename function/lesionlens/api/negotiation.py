"""The format of an answer that the client accepts: JSON or FHIR for programs, HTML for people."""

import base64
from collections.abc import Iterable, Sequence
from typing import Any

import flask
from werkzeug.datastructures import MIMEAccept

from ..errors import NotAcceptable
from ..model.classifier import Classifier
from . import fhir
from .json_text import encode
from .percent import percent

JSON = "application/json"
JSON_LINES = "application/jsonl"
PROBLEM = "application/problem+json"
HTML = "text/html"
FHIR = fhir.MEDIA_TYPE
# Other names of the same media types.
SYNONYMS = {"application/json+fhir": FHIR, "application/x-ndjson": JSON_LINES}

# Media types of an answer about one image, and about several; the first is the default.
ONE = (JSON, HTML, FHIR)
SEVERAL = (JSON, JSON_LINES, FHIR)

# Media types that all browsers display, by the first bytes of the file.
SHOWN = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG": "image/png", b"RIFF": "image/webp"}
MAX_SHOWN_BYTES = 4 * 1024 * 1024  # of an upload that is displayed on its result page


def chosen(request: flask.Request, offered: Sequence[str]) -> str:
    """Return the one of ``offered`` that the Accept header prefers (RFC 9110, 12.5.1).

    The first without the header, or if only problem details are accepted. Raises NotAcceptable.
    """
    accepted = request.accept_mimetypes
    if not accepted:
        return offered[0]
    # Parameters such as charset are ignored.
    names = [(value.partition(";")[0].strip().lower(), q) for value, q in accepted]
    accepted = MIMEAccept([(SYNONYMS.get(name, name), q) for name, q in names])
    match = accepted.best_match(offered)
    if match is None and accepted.best_match((PROBLEM,)) is None:
        raise NotAcceptable(
            f"Accept is {request.headers['Accept'][:100]!r}; "
            f"this address answers {', '.join(offered)}."
        )
    return match or offered[0]


def require_explainable(form: str) -> None:
    """Raise NotAcceptable if answers in this format cannot hold the requested explanation."""
    if form not in (JSON, JSON_LINES):
        raise NotAcceptable(
            f"An explanation is asked for, and an answer as {form}, which holds none; "
            f"accepted is {JSON}, or no explain."
        )


def render(
    form: str, document: Any, classifier: Classifier, picture: bytes = b""
) -> flask.Response | str:
    """Return the answer about one image, or about several, in the format that was chosen.

    ``picture``: the file, to be displayed on an HTML page; empty to leave it out.
    """
    if form == HTML:
        sensitivity = classifier.manifest.malignancy.test.sensitivity["value"]
        return page(document, sensitivity=sensitivity, picture=picture)
    if form == FHIR:
        answer = fhir.bundle(document) if "results" in document else fhir.report(document)
        return flask.Response(encode(answer), content_type=FHIR)
    return flask.jsonify(document)


def lines(entries: Iterable[dict[str, Any]]) -> flask.Response:
    """Stream the entries of a batch as JSON Lines, each as soon as it is available."""
    written = (encode(entry) + b"\n" for entry in entries)
    return flask.Response(written, content_type=JSON_LINES)


def page(
    result: dict[str, object] | None = None,
    problem: dict[str, object] | None = None,
    sensitivity: float | None = None,
    picture: bytes = b"",
) -> str:
    """Render a result, or a problem, as an HTML page.

    ``sensitivity``: share of malignant lesions that are flagged, in [0, 1]; ``picture``: the
    uploaded file.
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
    """The picture as a data: URL, if browsers display its format and it is not too large."""
    media_type = next((kind for start, kind in SHOWN.items() if picture.startswith(start)), None)
    if media_type is None or len(picture) > MAX_SHOWN_BYTES:
        return None
    return f"data:{media_type};base64,{base64.b64encode(picture).decode()}"
