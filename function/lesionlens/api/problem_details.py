"""Errors as ``application/problem+json`` (RFC 9457): what the client is told, and what the log."""

import flask
from werkzeug.exceptions import (
    ClientDisconnected,
    HTTPException,
    MethodNotAllowed,
    NotFound,
    RequestEntityTooLarge,
)

from ..errors import BodyTooLarge, MalformedRequest, NotAcceptable, Problem
from . import context, fhir, negotiation, structured_log
from .json_text import encode


def register(app: flask.Flask) -> None:
    """Turn every error of the application, expected or not, into problem details."""

    @app.errorhandler(Problem)
    def expected(error: Problem) -> flask.Response:
        return _response(error.status, error.slug, error.title, error.detail, error.headers)

    @app.errorhandler(RequestEntityTooLarge)
    def too_large(error: RequestEntityTooLarge) -> flask.Response:
        return expected(BodyTooLarge.over(flask.current_app.config["MAX_CONTENT_LENGTH"]))

    @app.errorhandler(ClientDisconnected)
    def disconnected(error: ClientDisconnected) -> flask.Response:
        return expected(MalformedRequest("The body ended before its announced length."))

    @app.errorhandler(NotFound)
    def not_found(error: NotFound) -> flask.Response:
        paths = sorted({str(rule) for rule in flask.current_app.url_map.iter_rules()})
        accepted = ", ".join(path for path in paths if "<" not in path)
        return _response(
            404, "not-found", "Not found", f"There is nothing here; there are {accepted}."
        )

    @app.errorhandler(MethodNotAllowed)
    def wrong_method(error: MethodNotAllowed) -> flask.Response:
        allowed = ", ".join(sorted(error.valid_methods or ()))
        detail = f"{flask.request.method} is not possible here; accepted are {allowed}."
        return _response(
            405, "method-not-allowed", "Method not allowed", detail, {"Allow": allowed}
        )

    @app.errorhandler(HTTPException)
    def other(error: HTTPException) -> flask.Response:
        title = error.name
        slug = title.lower().replace(" ", "-")
        return _response(error.code or 500, slug, title, error.description or title)

    @app.errorhandler(Exception)
    def unexpected(error: Exception) -> flask.Response:
        structured_log.error("internal error", error, request_id=context.current().request_id)
        return expected(Problem.unexpected())


def _response(
    status: int, slug: str, title: str, detail: str, headers: dict[str, str] | None = None
) -> flask.Response:
    document = {
        "type": f"/problems/{slug}",
        "title": title,
        "status": status,
        "detail": detail,
        "request_id": context.current().request_id,
    }
    form = _form()
    if form == negotiation.HTML:
        return flask.Response(negotiation.page(problem=document), status, headers)
    if form == negotiation.FHIR:
        outcome = encode(fhir.outcome(document))
        return flask.Response(outcome, status, headers, content_type=negotiation.FHIR)
    return flask.Response(encode(document), status, headers, content_type=negotiation.PROBLEM)


def _form() -> str:
    try:
        return negotiation.chosen(flask.request, (negotiation.JSON, *negotiation.ONE))
    except NotAcceptable:
        return negotiation.JSON
