"""Whether a request is worked on: API keys, rate limits, and answers given before."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import flask

from ..errors import Unauthorized
from . import context, idempotency, rate_limit
from .authentication import Caller, address_of, key_of, partner, public
from .idempotency import Answers, Claim, Replay

if TYPE_CHECKING:
    from ..settings import Settings

CLASSIFICATIONS = (
    "/v1/classify",
    "/v1/classify/raw",
    "/v1/classify/base64",
    "/v1/batch",
    "/v1/batch/base64",
)
# Statuses of temporary refusals, which are not stored for an Idempotency-Key.
PASSING = (401, 409, 429)
# Statuses of refusals after the body was read. Each counts as one image, since reading has a cost.
COUNTED = (400, 408, 413, 415, 422)


class Admission:
    """Identifies callers, counts their images, and stores answers for repeated requests."""

    def __init__(self, settings: "Settings") -> None:
        self._settings = settings
        limited = settings.rate_limit is not None or settings.api_keys.keys
        self._quota = rate_limit.Quota(settings.limit_store) if limited else None
        self._answers = Answers(settings.limit_store)

    def register(self, app: flask.Flask) -> None:
        """Run before every request, to identify its caller, and after it, to account for it."""
        app.before_request(self._identify)
        app.register_error_handler(Replay, _replay)
        app.after_request(self._account)

    def admit(self, parts: Sequence[bytes], images: int, views: int) -> None:
        """Claim the Idempotency-Key and count the images of a request whose body has been read.

        ``parts``: whatever must be the same in a repeated request, including the images. Raises
        TooManyRequests, BeyondLimit, Replay, StillAnswering, OtherRequest.
        """
        known = context.current()
        assert known.caller is not None
        key = _key(flask.request)
        if key is not None:
            asked = (*_asked(flask.request), *parts)
            known.claim = self._answers.claim(known.caller.owner, key, asked)
        if self._quota:
            self._quota.charge(known.caller, images, views)
            known.charged = True

    def _identify(self) -> None:
        request = flask.request
        # A CORS preflight carries no API key, even if the request after it does.
        if not request.path.startswith("/v1/") or request.method == "OPTIONS":
            return
        caller = self._caller(request)
        context.current().caller = caller
        if not self._quota or not _classifies(request):
            return
        # Checked before the body is read. A repeated request is not counted, so it is not refused.
        key = _key(request)
        if key is None or not self._answers.has(caller.owner, key):
            self._quota.check(caller)

    def _caller(self, request: flask.Request) -> Caller:
        address = address_of(request, self._settings.trusted_hops)
        try:
            key = key_of(request)
            if key is None:
                return public(address, self._settings)
            if self._quota:
                self._quota.check_guesses(address)
            return partner(key, self._settings.api_keys)
        except Unauthorized:
            if self._quota:
                self._quota.count_guess(address)
            raise

    def _account(self, response: flask.Response) -> flask.Response:
        known = context.current()
        if self._quota and known.caller and known.caller.rate and _classifies(flask.request):
            replayed = idempotency.REPLAYED in response.headers
            if response.status_code in COUNTED and not known.charged and not replayed:
                self._quota.count(known.caller)
            standing = self._quota.standing(known.caller)
            if standing:
                response.headers.update(rate_limit.headers(known.caller.rate, standing))
        claim, known.claim = known.claim, None
        if claim is None:
            return response
        if response.is_streamed:
            response.response = self._kept(claim, response, response.iter_encoded(), known)
        elif response.status_code < 500 and response.status_code not in PASSING and known.keepable:
            self._keep(claim, response, response.get_data(as_text=True))
        else:
            self._answers.drop(claim)
        return response

    def _kept(
        self, claim: Claim, response: flask.Response, body: Iterable[bytes], known: context.Context
    ) -> Iterator[bytes]:
        """Pass on an answer while it is produced, and store it if it is sent completely."""
        sent: list[bytes] = []
        try:
            for part in body:
                sent.append(part)
                yield part
        except BaseException:
            # GeneratorExit, if the client has disconnected.
            self._answers.drop(claim)
            raise
        if known.keepable:
            self._keep(claim, response, b"".join(sent).decode())
        else:
            self._answers.drop(claim)

    def _keep(self, claim: Claim, response: flask.Response, body: str) -> None:
        self._answers.keep(claim, response.status_code, response.content_type or "", body)


def _replay(replay: Replay) -> flask.Response:
    answer = replay.answer
    response = flask.Response(answer.body, answer.status, content_type=answer.content_type)
    response.headers[idempotency.REPLAYED] = "true"
    return response


def _key(request: flask.Request) -> str | None:
    """Return the Idempotency-Key, or None without the header. Raises MalformedRequest."""
    header = request.headers.get(idempotency.HEADER)
    return None if header is None else idempotency.key_of(header)


def _classifies(request: flask.Request) -> bool:
    return request.path in CLASSIFICATIONS and request.method == "POST"


def _asked(request: flask.Request) -> tuple[bytes, ...]:
    """The parts of a request besides its images that determine the answer.

    Not the body, since another multipart boundary would make a repeated request another one.
    """
    accept = request.headers.get("Accept", "")
    return (request.path.encode(), request.query_string, accept.encode())
