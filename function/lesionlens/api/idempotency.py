"""The header Idempotency-Key: a repeated request gets the answer of the first, for ten minutes.

Only the answer is stored. An HMAC of the request, keyed with the client's Idempotency-Key, tells
whether a repetition is the same request; the key itself is not stored but hashed into the entry's
name. Nobody who can read the store, the operator included, can test whether a given image was sent
without knowing the key as well. That is why keys must be long; UUIDs are intended.

draft-ietf-httpapi-idempotency-key-header-07: 400 for a malformed key, 409 while the first request
is being answered, 422 for a key of another request.
"""

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import MalformedRequest, OtherRequest, StillAnswering
from .answer_store import PARTNER, PUBLIC, Answer, Memory, Redis, Store
from .stores import MEMORY

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"


@dataclass(frozen=True)
class Owner:
    """The caller that sent a key: the same key of another caller is another key."""

    name: str  # unique
    partner: bool  # False for the public tier


@dataclass(frozen=True)
class Claim:
    """The right to answer a request under its key; others get 409 until it is kept or dropped."""

    name: str  # of the entry in the store
    request: str  # the HMAC of the request, in hexadecimal


class Replay(Exception):
    """Not an error: the request was answered before, and ``answer`` is sent again."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer = answer


class Answers:
    """The stored answers, by owner and key. Thread-safe."""

    def __init__(self, store: str) -> None:
        """``store``: LIMIT_STORE, ``memory://`` or the address of a Redis."""
        self._store: Store = Memory() if store == MEMORY else Redis(store)

    def has(self, owner: Owner, key: str) -> bool:
        """Whether a request with this key has been answered, or is being answered."""
        return self._store.has(_name(owner, key))

    def claim(self, owner: Owner, key: str, request: Sequence[bytes]) -> Claim:
        """Claim a key for a request, given as the parts that must be the same in a repetition.

        Raises Replay if it was answered before, StillAnswering if it is being answered, and
        OtherRequest if the key was used with other parts.
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
        """Store the answer to a claimed request."""
        self._store.keep(claim.name, Answer(claim.request, status, content_type, body))

    def drop(self, claim: Claim) -> None:
        """Give up a claim, so that a repetition is answered anew."""
        self._store.drop(claim.name)


def key_of(header: str) -> str:
    """Return the key in the header's value, with or without the quotes that the draft requires.

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
