"""The header Idempotency-Key: a repeated request gets the answer of the first, for some minutes.

Only the answer is kept. That a key belongs to the same request is told by an HMAC of the request
under the client's own key, and the key itself is not kept but hashed into the entry's name: so
nobody who reads the store, us included, can test whether a given image was sent, unless he has the
key as well. That is why a key must be long; a UUID is meant.

draft-ietf-httpapi-idempotency-key-header-07: 400 for a malformed key, 409 while the first request
is being answered, 422 for a key of another request.
"""

import hashlib
import hmac
import json
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from ..errors import MalformedRequest, OtherRequest, StillAnswering
from . import structured_log
from .rate_limit import MEMORY, REDIS_TIMEOUT_S

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
KEPT_S = 600
# Longer than a request may take (infra/settings.sh, TIMEOUT): then whoever claimed it is gone.
CLAIMED_S = 120
MAX_BYTES = 16 * 1024 * 1024  # of answers in memory, in all


@dataclass(frozen=True)
class Answer:
    """What is kept of a request; without a body while it is being answered."""

    request: str  # the HMAC of the request
    status: int = 0
    content_type: str = ""
    body: str = ""


class Store(Protocol):
    def claim(self, name: str, claim: Answer) -> Answer | None:
        """Put the claim where there is nothing; return what there is."""

    def keep(self, name: str, answer: Answer) -> None: ...

    def drop(self, name: str) -> None: ...


@dataclass(frozen=True)
class Claim:
    """A request that is to be answered under its key."""

    name: str
    request: str


class Replay(Exception):
    """No error: the request has been answered before, thus."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer = answer


class Answers:
    """The answers that are kept, in memory or in Redis."""

    def __init__(self, store: str) -> None:
        self._store: Store = Memory() if store == MEMORY else Redis(store)

    def claim(self, caller: str, key: str, request: Sequence[bytes]) -> Claim:
        """Claim a key for a request; its parts are whatever must be the same in a repetition.

        Raises Replay if it has been answered, StillAnswering, OtherRequest.
        """
        name = hashlib.sha256(f"{caller}\n{key}".encode()).hexdigest()
        claim = Claim(name, _told_apart(key, request))
        found = self._store.claim(name, Answer(claim.request))
        if found is None:
            return claim
        if not hmac.compare_digest(found.request, claim.request):
            raise OtherRequest(
                f"The {HEADER} was sent with another request before; "
                "accepted is a new one for each request, such as a UUID."
            )
        if not found.status:
            raise StillAnswering(f"The first request with this {HEADER} is still being answered.")
        raise Replay(found)

    def keep(self, claim: Claim, status: int, content_type: str, body: str) -> None:
        self._store.keep(claim.name, Answer(claim.request, status, content_type, body))

    def drop(self, claim: Claim) -> None:
        self._store.drop(claim.name)


def key_of(header: str) -> str:
    """Return the key in a header, with or without the quotes that the draft asks for.

    Raises MalformedRequest.
    """
    match = re.fullmatch(r'("?)([A-Za-z0-9._:~+/=-]{16,128})\1', header)
    if match is None:
        raise MalformedRequest(
            f"{HEADER} is {header[:40]!r}; accepted are 16 to 128 letters, digits and ._:~+/=-, "
            "such as a UUID."
        )
    return match[2]


def _told_apart(key: str, request: Sequence[bytes]) -> str:
    mac = hmac.new(key.encode(), digestmod=hashlib.sha256)
    for part in request:
        mac.update(len(part).to_bytes(8, "big"))
        mac.update(part)
    return mac.hexdigest()


class Memory:
    """For one instance; the oldest make room for the newest."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._answers: OrderedDict[str, tuple[float, Answer]] = OrderedDict()
        self._bytes = 0
        self._max_bytes = max_bytes
        self._lock = threading.Lock()

    def claim(self, name: str, claim: Answer) -> Answer | None:
        with self._lock:
            now = time.monotonic()
            until, found = self._answers.get(name, (0.0, claim))
            if now < until:
                return found
            self._put(name, now + CLAIMED_S, claim)
            return None

    def keep(self, name: str, answer: Answer) -> None:
        with self._lock:
            self._put(name, time.monotonic() + KEPT_S, answer)

    def drop(self, name: str) -> None:
        with self._lock:
            self._remove(name)

    def _put(self, name: str, until: float, answer: Answer) -> None:
        self._remove(name)
        self._answers[name] = (until, answer)
        self._bytes += _size(name, answer)
        while self._bytes > self._max_bytes:
            self._remove(next(iter(self._answers)))

    def _remove(self, name: str) -> None:
        _, answer = self._answers.pop(name, (0.0, None))
        if answer is not None:
            self._bytes -= _size(name, answer)


def _size(name: str, answer: Answer) -> int:
    # What the objects weigh beside their text.
    return 500 + len(name) + len(answer.body)


class Redis:
    """For all instances. Where it fails, a request is answered as if it had no key."""

    def __init__(self, address: str) -> None:
        # Imported here: only who configures it needs it.
        import redis

        self._failures = redis.RedisError
        self._redis: Any = redis.Redis.from_url(
            address, socket_timeout=REDIS_TIMEOUT_S, socket_connect_timeout=REDIS_TIMEOUT_S
        )

    def claim(self, name: str, claim: Answer) -> Answer | None:
        try:
            # SET … NX GET returns what was there, in one step.
            found = self._redis.set(_named(name), _written(claim), nx=True, get=True, ex=CLAIMED_S)
        except self._failures as error:
            structured_log.error("the store of the answers does not answer", error)
            return None
        return Answer(**json.loads(found)) if found else None

    def keep(self, name: str, answer: Answer) -> None:
        try:
            self._redis.set(_named(name), _written(answer), ex=KEPT_S)
        except self._failures as error:
            structured_log.error("the store of the answers does not answer", error)

    def drop(self, name: str) -> None:
        try:
            self._redis.delete(_named(name))
        except self._failures as error:
            structured_log.error("the store of the answers does not answer", error)


def _named(name: str) -> str:
    return f"lesionlens:answer:{name}"


def _written(answer: Answer) -> str:
    return json.dumps(asdict(answer))
