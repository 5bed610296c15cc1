"""Where answers to requests with an Idempotency-Key are stored: in this process, or in Redis.

Entries have two tiers, told by the first letter of their name: those of partners and those of the
public. Each tier has its own bound in bytes, so that any number of anonymous requests leaves the
partners' answers alone.
"""

import json
import sys
import threading
import time
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from cachetools import TLRUCache

from . import structured_log
from .stores import REDIS_TIMEOUT_S

KEPT_S = 600
# Longer than a request may take (infra/settings.sh, TIMEOUT): an older claim was abandoned.
CLAIMED_S = 120
# In memory.
PARTNERS_BYTES = 16 * 1024 * 1024
PUBLIC_BYTES = 4 * 1024 * 1024
# Written to Redis in each period of KEPT_S; twice as much is stored there at most.
SHARED_PARTNERS_BYTES = 64 * 1024 * 1024
SHARED_PUBLIC_BYTES = 16 * 1024 * 1024
PARTNER, PUBLIC = "k", "p"  # the first letter of an entry's name
ENTRY_BYTES = 1000  # what an entry counts for besides its body


@dataclass(frozen=True)
class Answer:
    """A claimed request (``status`` 0) or its answer; the request itself is not stored."""

    request: str  # the HMAC of the request, in hexadecimal
    status: int = 0
    content_type: str = ""
    body: str = ""


class Store(Protocol):
    """Entries by name, which expire: claims after `CLAIMED_S`, answers after `KEPT_S` seconds.

    An entry may also be missing because its tier is full or the store cannot be reached; the
    request is then answered as if it had no key.
    """

    def claim(self, name: str, claim: Answer) -> Answer | None:
        """Store a claim unless there is an entry of this name; return that entry, if any."""

    def keep(self, name: str, answer: Answer) -> None:
        """Replace a claim by its answer, or remove it if there is no space for the answer."""

    def has(self, name: str) -> bool:
        """Whether there is a claim or an answer of this name."""

    def drop(self, name: str) -> None:
        """Remove an entry, if it exists."""


class Memory:
    """A `Store` for one instance; when a tier is full, its least recently used entries go first.

    Thread-safe.
    """

    def __init__(self, partners: int = PARTNERS_BYTES, public: int = PUBLIC_BYTES) -> None:
        self._tiers = {PARTNER: _cache(partners), PUBLIC: _cache(public)}
        self._lock = threading.Lock()

    def claim(self, name: str, claim: Answer) -> Answer | None:
        """Claim a name in one step, see `Store.claim`."""
        with self._lock:
            answers = self._tiers[name[0]]
            found: Answer | None = answers.get(name)
            if found is None:
                answers[name] = claim
            return found

    def keep(self, name: str, answer: Answer) -> None:
        """Store an answer unless it is larger than its whole tier, see `Store.keep`."""
        with self._lock:
            answers = self._tiers[name[0]]
            if _size(answer) <= answers.maxsize:
                answers[name] = answer
            else:
                answers.pop(name, None)

    def has(self, name: str) -> bool:
        """Whether there is an entry, see `Store.has`."""
        with self._lock:
            return name in self._tiers[name[0]]

    def drop(self, name: str) -> None:
        """Remove an entry, see `Store.drop`."""
        with self._lock:
            self._tiers[name[0]].pop(name, None)


def _cache(max_bytes: int) -> "TLRUCache[str, Answer]":
    def until(_: str, answer: Answer, now: float) -> float:
        return now + (KEPT_S if answer.status else CLAIMED_S)

    return TLRUCache(max_bytes, until, time.monotonic, _size)


def _size(answer: Answer) -> int:
    return ENTRY_BYTES + sys.getsizeof(answer.body)


class Redis:
    """A `Store` for all instances; each tier may write a number of bytes in a period.

    Beyond that no entries are added, and a failure of Redis is logged and otherwise ignored.
    """

    def __init__(
        self,
        address: str,
        partners: int = SHARED_PARTNERS_BYTES,
        public: int = SHARED_PUBLIC_BYTES,
    ) -> None:
        """``address``: redis:// or rediss://; the connection is opened on first use."""
        self._most = {PARTNER: partners, PUBLIC: public}
        # Imported on demand: most deployments have no Redis.
        import redis

        self._failures = redis.RedisError
        self._redis: Any = redis.Redis.from_url(
            address, socket_timeout=REDIS_TIMEOUT_S, socket_connect_timeout=REDIS_TIMEOUT_S
        )

    def claim(self, name: str, claim: Answer) -> Answer | None:
        """Claim a name in one step, see `Store.claim`; None also if Redis fails."""
        text = _written(claim)
        try:
            if self._fits(name, text):
                # SET … NX GET (Redis 7) stores the claim, or returns what is there, in one step.
                found = self._redis.set(_key(name), text, nx=True, get=True, ex=CLAIMED_S)
            else:
                # Existing answers are found even if no more may be written.
                found = self._redis.get(_key(name))
        except self._failures as error:
            _log(error)
            return None
        return Answer(**json.loads(found)) if found else None

    def keep(self, name: str, answer: Answer) -> None:
        """Store an answer if its tier may still write it, see `Store.keep`."""
        text = _written(answer)
        try:
            if self._fits(name, text):
                self._redis.set(_key(name), text, ex=KEPT_S)
            else:
                self._redis.delete(_key(name))
        except self._failures as error:
            _log(error)

    def _fits(self, name: str, text: str) -> bool:
        """Count the bytes of an entry, and tell whether its tier may still write them."""
        size = ENTRY_BYTES + len(text)
        period = f"lesionlens:answers:{name[0]}:{int(time.time() // KEPT_S)}"
        with self._redis.pipeline(transaction=False) as pipeline:
            written, _ = pipeline.incrby(period, size).expire(period, 2 * KEPT_S).execute()
        return bool(written <= self._most[name[0]])

    def has(self, name: str) -> bool:
        """Whether there is an entry, see `Store.has`; False also if Redis fails."""
        try:
            return bool(self._redis.exists(_key(name)))
        except self._failures as error:
            _log(error)
            return False

    def drop(self, name: str) -> None:
        """Remove an entry, see `Store.drop`."""
        try:
            self._redis.delete(_key(name))
        except self._failures as error:
            _log(error)


def _key(name: str) -> str:
    return f"lesionlens:answer:{name}"


def _written(answer: Answer) -> str:
    return json.dumps(asdict(answer))


def _log(error: Exception) -> None:
    structured_log.error("the store of the answers does not answer", error)
