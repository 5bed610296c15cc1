"""Partners' API keys: which are configured, and which one a request presents.

Only a salted hash of each key is configured (API_KEYS, a JSON document); the command
`lesionlens.api.keys` writes that document.

A key consists of 256 random bits and cannot be guessed, so a slow password hash would only make
each request slower. Test keys are answered by the real model, their results are marked as test
data, and they have a rate limit of their own.
"""

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from .rate import Rate

PREFIX = "ll_"  # lets secret scanners recognize a key that was committed to a repository
TEST_PREFIX = "ll_test_"
KEY_BYTES = 32
SALT_BYTES = 16
MAX_BATCH = 100
_TEXTS = ("id", "partner", "salt", "sha256", "rate", "expires")
_FIELDS = {*_TEXTS, "batch"}
_OPTIONAL = {"test"}


class KeysError(Exception):
    """The document of keys is invalid; the message says where, without quoting a hash or salt."""


@dataclass(frozen=True)
class Key:
    """The configuration of one key; the key itself is not stored anywhere."""

    id: str
    partner: str
    salt: bytes
    sha256: bytes  # HMAC-SHA-256 of the key, with the salt as the HMAC's key
    rate: Rate
    batch: int  # images in one request, at most
    expires: date  # the first day, in UTC, on which the key is no longer valid
    test: bool = False  # whether results are marked as test data

    def matches(self, text: str) -> bool:
        """Whether ``text`` is this key, compared in constant time; the expiry is not checked."""
        return hmac.compare_digest(_hash(self.salt, text), self.sha256)


@dataclass(frozen=True)
class Keyring:
    """All keys that are configured."""

    keys: tuple[Key, ...] = ()

    def find(self, text: str) -> Key | None:
        """Return the key that ``text`` is, or None if it is unknown or has expired."""
        today = datetime.now(UTC).date()
        found = None
        # All keys are compared, so that the response time does not depend on which one matches.
        for key in self.keys:
            if key.matches(text) and today < key.expires:
                found = key
        return found


def read(configured: str) -> Keyring:
    """Return the keys in a JSON document, given as text or as the path of a file.

    Raises KeysError.
    """
    try:
        text = configured if configured.lstrip().startswith("{") else Path(configured).read_text()
        parsed = json.loads(text)
    except (OSError, ValueError, RecursionError):
        raise KeysError("it is neither a JSON object nor the path of a file with one") from None
    if not isinstance(parsed, dict) or not isinstance(parsed.get("keys"), list):
        raise KeysError('it is no object {"keys": […]}')
    keys = tuple(_key(number, entry) for number, entry in enumerate(parsed["keys"]))
    if len({key.id for key in keys}) < len(keys):
        raise KeysError("two keys have the same id")
    return Keyring(keys)


def document(keys: Iterable[Key]) -> str:
    """Return the JSON document of the keys that `read` reads."""
    return json.dumps({"keys": [_entry(key) for key in keys]}, indent=2) + "\n"


def create(
    partner: str, rate: Rate, batch: int, expires: date, test: bool = False
) -> tuple[str, Key]:
    """Generate a key; return its text, which is stored nowhere, and its configuration."""
    text = (TEST_PREFIX if test else PREFIX) + secrets.token_urlsafe(KEY_BYTES)
    salt = secrets.token_bytes(SALT_BYTES)
    hashed = _hash(salt, text)
    return text, Key(secrets.token_hex(4), partner, salt, hashed, rate, batch, expires, test)


def _hash(salt: bytes, text: str) -> bytes:
    return hmac.digest(salt, text.encode("utf-8", "surrogateescape"), hashlib.sha256)


def _key(number: int, entry: Any) -> Key:
    """Validate one entry of the document. Raises KeysError."""
    if not isinstance(entry, dict) or entry.keys() - _OPTIONAL != _FIELDS:
        raise KeysError(f"key {number} has not exactly the fields {', '.join(sorted(_FIELDS))}")
    for name in _TEXTS:
        if not isinstance(entry[name], str):
            raise KeysError(f"key {number} is wrong: {name} is not a string")
    # Not isinstance: true and false are ints to Python.
    if type(entry["batch"]) is not int:
        raise KeysError(f"key {number} is wrong: batch is not a whole number")
    try:
        key = Key(
            id=entry["id"],
            partner=entry["partner"],
            salt=bytes.fromhex(entry["salt"]),
            sha256=bytes.fromhex(entry["sha256"]),
            rate=Rate.parse(entry["rate"]),
            batch=entry["batch"],
            expires=date.fromisoformat(entry["expires"]),
            test=entry.get("test", False),
        )
    except ValueError as error:
        raise KeysError(f"key {number} is wrong: {error}") from None
    if len(key.salt) < SALT_BYTES or len(key.sha256) != hashlib.sha256().digest_size:
        raise KeysError(f"key {number} has a salt or a hash that is too short")
    if not isinstance(key.test, bool):
        raise KeysError(f"key {number} has a test that is not true or false")
    if not (key.id + key.partner).isprintable():
        raise KeysError(f"key {number} has an id or a partner with unprintable characters")
    if not key.id or not key.partner or not 1 <= key.batch <= MAX_BATCH:
        raise KeysError(f"key {number} needs an id, a partner and a batch of 1 to {MAX_BATCH}")
    return key


def _entry(key: Key) -> dict[str, Any]:
    return {
        "id": key.id,
        "partner": key.partner,
        "salt": key.salt.hex(),
        "sha256": key.sha256.hex(),
        "rate": str(key.rate),
        "batch": key.batch,
        "expires": key.expires.isoformat(),
        **({"test": True} if key.test else {}),
    }
