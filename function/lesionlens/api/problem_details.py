"""Errors as ``application/problem+json`` (RFC 9457), or in the format that the client accepts."""

from typing import Any

import flask
from werkzeug.exceptions import (
    ClientDisconnected,
    HTTPException,
    MethodNotAllowed,
    NotFound,
    RequestEntityTooLarge,
)

from ..errors import (
    BodyTooLarge,
    MalformedRequest,
    NotAcceptable,
    Problem,
    UnknownAddress,
    WrongMethod,
)
from . import context, fhir, negotiation, structured_log
from .json_text import encode


def register(app: flask.Flask) -> None:
    """Answer every exception with problem details; internal errors are logged with their cause."""

    @app.errorhandler(Problem)
    def expected(error: Problem) -> flask.Response:
        return _response(error.document(context.current().request_id), error.headers)

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
        return expected(UnknownAddress(f"There is nothing here; there are {accepted}."))

    @app.errorhandler(MethodNotAllowed)
    def wrong_method(error: MethodNotAllowed) -> flask.Response:
        allowed = ", ".join(sorted(error.valid_methods or ()))
        return expected(WrongMethod(flask.request.method, allowed))

    @app.errorhandler(HTTPException)
    def other(error: HTTPException) -> flask.Response:
        # RFC 9457, 4.2.1: a problem that is fully described by its status.
        document = {
            "type": "about:blank",
            "title": error.name,
            "status": error.code or 500,
            "detail": error.description or error.name,
            "request_id": context.current().request_id,
        }
        return _response(document, {})

    @app.errorhandler(Exception)
    def unexpected(error: Exception) -> flask.Response:
        structured_log.error("internal error", error, request_id=context.current().request_id)
        return expected(Problem.unexpected())


def _response(document: dict[str, Any], headers: dict[str, str]) -> flask.Response:
    status = document["status"]
    form = _form()
    if form == negotiation.HTML:
        return flask.Response(negotiation.page(problem=document), status, headers)
    if form == negotiation.FHIR:
        outcome = encode(fhir.outcome(document))
        return flask.Response(outcome, status, headers, content_type=negotiation.FHIR)
    return flask.Response(encode(document), status, headers, content_type=negotiation.PROBLEM)


def _form() -> str:
    try:
        return negotiation.chosen(flask.request, negotiation.ONE)
    except NotAcceptable:
        return negotiation.JSON
