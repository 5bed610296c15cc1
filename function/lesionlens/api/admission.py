"""Who may ask, and how much: what stands before the journey of an image."""

from collections.abc import Callable, Sequence

import flask

from ..errors import Unauthorized
from ..settings import Settings
from . import idempotency, rate_limit
from .authentication import Caller, address_of, key_of, partner, public
from .idempotency import Answers, Replay

# To be called once the images of a request are there, before anything is done with them, with the
# number of views of each.
# Raises TooManyRequests, Replay, StillAnswering, OtherRequest.
Admit = Callable[[Sequence[bytes], int], None]

CLASSIFICATIONS = ("/v1/classify", "/v1/batch")
# Answers that the same request may well not get again.
PASSING = (401, 409, 429)


def register(app: flask.Flask, settings: Settings) -> Admit:
    """Find out who sends each request, hold its limits, and answer what was answered before."""
    limited = settings.rate_limit is not None or settings.api_keys.keys
    counts = rate_limit.Quota(settings.limit_store) if limited else None
    answers = Answers(settings.limit_store)

    @app.before_request
    def identify() -> None:
        request = flask.request
        # A preflight carries no key, whatever the request after it will.
        if not request.path.startswith("/v1/") or request.method == "OPTIONS":
            return
        address = address_of(request, settings.trusted_hops)
        caller = public(address, settings)
        try:
            key = key_of(request)
            if key is not None:
                if counts:
                    counts.check_guesses(address)
                caller = partner(key, settings.api_keys)
        except Unauthorized:
            if counts:
                counts.count_guess(address)
            raise
        flask.g.caller = caller
        # Before the body is read. A repetition costs nothing, and cannot be told before.
        if counts and _classifies(request) and idempotency.HEADER not in request.headers:
            counts.check(caller)

    def admit(images: Sequence[bytes], views: int) -> None:
        caller: Caller = flask.g.caller
        header = flask.request.headers.get(idempotency.HEADER)
        if header is not None:
            key = idempotency.key_of(header)
            flask.g.claim = answers.claim(caller.name, key, (*_asked(flask.request), *images))
        if counts:
            counts.charge(caller, len(images) * views)

    @app.errorhandler(Replay)
    def replay(replay: Replay) -> flask.Response:
        answer = replay.answer
        response = flask.Response(answer.body, answer.status, content_type=answer.content_type)
        response.headers[idempotency.REPLAYED] = "true"
        return response

    @app.after_request
    def account(response: flask.Response) -> flask.Response:
        caller: Caller | None = flask.g.get("caller")
        if counts and caller and caller.rate and _classifies(flask.request):
            standing = counts.standing(caller)
            if standing:
                response.headers.update(rate_limit.headers(caller.rate, standing))
        claim = flask.g.pop("claim", None)
        if claim:
            passing = response.status_code in PASSING or flask.g.get("unfinished")
            if response.status_code < 500 and not passing:
                text = response.get_data(as_text=True)
                answers.keep(claim, response.status_code, response.content_type, text)
            else:
                answers.drop(claim)
        return response

    return admit


def batch_limit() -> int:
    """How many images the caller may send in one request."""
    caller: Caller = flask.g.caller
    return caller.batch


def _classifies(request: flask.Request) -> bool:
    return request.path in CLASSIFICATIONS and request.method == "POST"


def _asked(request: flask.Request) -> tuple[bytes, ...]:
    """What a request asks for beside its images; not its body, whose form may have changed."""
    accept = request.headers.get("Accept", "")
    return (request.path.encode(), request.query_string, accept.encode())
