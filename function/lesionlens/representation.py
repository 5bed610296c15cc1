"""The form of an answer that the client accepts: JSON for programs, a page for a plain form."""

import flask
from werkzeug.datastructures import MIMEAccept

from .errors import NotAcceptable

JSON = "application/json"
PROBLEM = "application/problem+json"
HTML = "text/html"


def chosen(request: flask.Request) -> str:
    """Return `JSON` or `HTML`, JSON where both are as welcome. Raises NotAcceptable."""
    accepted = request.accept_mimetypes
    if not accepted:
        return JSON
    # Parameters such as charset do not matter to what is answered.
    accepted = MIMEAccept([(value.partition(";")[0].strip(), q) for value, q in accepted])
    match = accepted.best_match((JSON, HTML))
    if match is None and accepted.best_match((PROBLEM,)) is None:
        raise NotAcceptable(
            f"Accept is {request.headers['Accept'][:100]!r}; this address answers {JSON} or {HTML}."
        )
    return match or JSON


def page(
    result: dict[str, object] | None = None,
    problem: dict[str, object] | None = None,
    sensitivity: float | None = None,
) -> str:
    """Render a result, or a problem, for people; ``sensitivity`` is that of the threshold."""
    return flask.render_template(
        "result.html", result=result, problem=problem, sensitivity=sensitivity
    )
