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
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from cachetools import TLRUCache

from ..errors import MalformedRequest, OtherRequest, StillAnswering
from . import structured_log
from .stores import MEMORY, REDIS_TIMEOUT_S

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
KEPT_S = 600
# Longer than a request may take (infra/settings.sh, TIMEOUT): then whoever claimed it is gone.
CLAIMED_S = 120
# Of answers in memory: apart, so that no crowd of anonymous keys evicts a partner's answers.
PARTNERS_BYTES = 16 * 1024 * 1024
PUBLIC_BYTES = 4 * 1024 * 1024
# And of what is written to a Redis in each period of KEPT_S; at most twice as much is there.
SHARED_PARTNERS_BYTES = 64 * 1024 * 1024
SHARED_PUBLIC_BYTES = 16 * 1024 * 1024
PARTNER, PUBLIC = "k", "p"  # the first letter of an entry's name
ENTRY_BYTES = 1000  # what an entry weighs beside its body


@dataclass(frozen=True)
class Owner:
    """Whom a key belongs to."""

    name: str  # unique
    partner: bool  # or of the public


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

    def has(self, name: str) -> bool: ...

    def drop(self, name: str) -> None: ...


@dataclass(frozen=True)
class Claim:
    """A request that is to be answered under its key."""

    name: str
    request: str


class Replay(Exception):
    """Not an error: the request has been answered before, and this is the answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer = answer


class Answers:
    """The answers that are kept, in memory or in Redis."""

    def __init__(self, store: str) -> None:
        self._store: Store = Memory() if store == MEMORY else Redis(store)

    def has(self, owner: Owner, key: str) -> bool:
        """Tell whether something is kept, or being answered, under a key."""
        return self._store.has(_name(owner, key))

    def claim(self, owner: Owner, key: str, request: Sequence[bytes]) -> Claim:
        """Claim a key for a request; its parts are whatever must be the same in a repetition.

        Raises Replay if it has been answered, StillAnswering, OtherRequest.
        """
        name = _name(owner, key)
        claim = Claim(name, _fingerprint(key, request))
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


def _name(owner: Owner, key: str) -> str:
    tier = PARTNER if owner.partner else PUBLIC
    return tier + hashlib.sha256(f"{owner.name}\n{key}".encode()).hexdigest()


def _fingerprint(key: str, request: Sequence[bytes]) -> str:
    mac = hmac.new(key.encode(), digestmod=hashlib.sha256)
    for part in request:
        mac.update(len(part).to_bytes(8, "big"))
        mac.update(part)
    return mac.hexdigest()


class Memory:
    """For one instance. Each tier is bounded in bytes; the least recently used answers go first."""

    def __init__(self, partners: int = PARTNERS_BYTES, public: int = PUBLIC_BYTES) -> None:
        self._tiers = {PARTNER: _cache(partners), PUBLIC: _cache(public)}
        self._lock = threading.Lock()

    def claim(self, name: str, claim: Answer) -> Answer | None:
        with self._lock:
            answers = self._tiers[name[0]]
            found: Answer | None = answers.get(name)
            if found is None:
                answers[name] = claim
            return found

    def keep(self, name: str, answer: Answer) -> None:
        with self._lock:
            answers = self._tiers[name[0]]
            if _size(answer) <= answers.maxsize:
                answers[name] = answer
            else:
                answers.pop(name, None)

    def has(self, name: str) -> bool:
        with self._lock:
            return name in self._tiers[name[0]]

    def drop(self, name: str) -> None:
        with self._lock:
            self._tiers[name[0]].pop(name, None)


def _cache(max_bytes: int) -> "TLRUCache[str, Answer]":
    def until(_: str, answer: Answer, now: float) -> float:
        return now + (KEPT_S if answer.status else CLAIMED_S)

    return TLRUCache(max_bytes, until, time.monotonic, _size)


def _size(answer: Answer) -> int:
    return ENTRY_BYTES + sys.getsizeof(answer.body)


class Redis:
    """For all instances. Each tier may write so many bytes in a period.

    Beyond that, and where the store fails, a request is answered as if it had no key.
    """

    def __init__(
        self,
        address: str,
        partners: int = SHARED_PARTNERS_BYTES,
        public: int = SHARED_PUBLIC_BYTES,
    ) -> None:
        self._most = {PARTNER: partners, PUBLIC: public}
        # Imported here: only who configures it needs it.
        import redis

        self._failures = redis.RedisError
        self._redis: Any = redis.Redis.from_url(
            address, socket_timeout=REDIS_TIMEOUT_S, socket_connect_timeout=REDIS_TIMEOUT_S
        )

    def claim(self, name: str, claim: Answer) -> Answer | None:
        text = _written(claim)
        try:
            if self._fits(name, text):
                # SET … NX GET returns what was there, in one step.
                found = self._redis.set(_named(name), text, nx=True, get=True, ex=CLAIMED_S)
            else:
                found = self._redis.get(_named(name))  # what is kept is found in any case
        except self._failures as error:
            structured_log.error("the store of the answers does not answer", error)
            return None
        return Answer(**json.loads(found)) if found else None

    def keep(self, name: str, answer: Answer) -> None:
        text = _written(answer)
        try:
            if self._fits(name, text):
                self._redis.set(_named(name), text, ex=KEPT_S)
            else:
                self._redis.delete(_named(name))
        except self._failures as error:
            structured_log.error("the store of the answers does not answer", error)

    def _fits(self, name: str, text: str) -> bool:
        """Count what is to be written, and tell whether the tier has room for it."""
        size = ENTRY_BYTES + len(text)
        period = f"lesionlens:answers:{name[0]}:{int(time.time() // KEPT_S)}"
        with self._redis.pipeline(transaction=False) as pipeline:
            written, _ = pipeline.incrby(period, size).expire(period, 2 * KEPT_S).execute()
        return bool(written <= self._most[name[0]])

    def has(self, name: str) -> bool:
        try:
            return bool(self._redis.exists(_named(name)))
        except self._failures as error:
            structured_log.error("the store of the answers does not answer", error)
            return False

    def drop(self, name: str) -> None:
        try:
            self._redis.delete(_named(name))
        except self._failures as error:
            structured_log.error("the store of the answers does not answer", error)


def _named(name: str) -> str:
    return f"lesionlens:answer:{name}"


def _written(answer: Answer) -> str:
    return json.dumps(asdict(answer))
