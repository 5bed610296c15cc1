"""Partners' keys: only salted hashes are configured; a command creates, lists and revokes keys.

    python -m lesionlens.api.keys FILE create PARTNER [--rate 600/minute] [--batch 16] [--days 365]
                                                      [--test]
    python -m lesionlens.api.keys FILE list
    python -m lesionlens.api.keys FILE revoke ID

A key is 256 random bits: there is nothing to guess, so a slow password hash would only make each
request slower. A test key is answered by the real model; its results are marked as test data, and
it has a limit of its own, so that a partner's tests do not use up the limit of its other key.
"""

import argparse
import hashlib
import hmac
import json
import os
import secrets
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from .rate import Rate

PREFIX = "ll_"  # so that a key that strayed into a repository is recognized as one
TEST_PREFIX = "ll_test_"
KEY_BYTES = 32
SALT_BYTES = 16
MAX_BATCH = 100
FIELDS = {"id", "partner", "salt", "sha256", "rate", "batch", "expires"}
OPTIONAL = {"test"}


class KeysError(Exception):
    """The document of keys is invalid; the message says where."""


@dataclass(frozen=True)
class Key:
    """What is configured of a key; the key itself is not known."""

    id: str
    partner: str
    salt: bytes
    sha256: bytes  # HMAC-SHA-256 of the key under the salt
    rate: Rate
    batch: int  # images in one request, at most
    expires: date  # the first day on which it is no longer valid, in UTC
    test: bool = False  # whether results are marked as test data

    def matches(self, text: str) -> bool:
        return hmac.compare_digest(_hash(self.salt, text), self.sha256)


@dataclass(frozen=True)
class Keyring:
    """All keys that are configured."""

    keys: tuple[Key, ...] = ()

    def find(self, text: str) -> Key | None:
        """Return the key that this is, unless it has expired."""
        today = datetime.now(UTC).date()
        found = None
        # All are compared, in constant time each: how long it takes tells nothing of any of them.
        for key in self.keys:
            if key.matches(text) and today < key.expires:
                found = key
        return found


def read(configured: str) -> Keyring:
    """Return the keys in a JSON document, or in the file at a path. Raises KeysError."""
    try:
        text = configured if configured.lstrip().startswith("{") else Path(configured).read_text()
        document = json.loads(text)
    except (OSError, ValueError):
        raise KeysError("it is neither a JSON object nor the path of a file with one") from None
    if not isinstance(document, dict) or not isinstance(document.get("keys"), list):
        raise KeysError('it is no object {"keys": […]}')
    keys = tuple(_key(number, entry) for number, entry in enumerate(document["keys"]))
    if len({key.id for key in keys}) < len(keys):
        raise KeysError("two keys have the same id")
    return Keyring(keys)


def create(
    partner: str, rate: Rate, batch: int, expires: date, test: bool = False
) -> tuple[str, Key]:
    """Return a new key, which is stored nowhere, and what is to be configured of it."""
    text = (TEST_PREFIX if test else PREFIX) + secrets.token_urlsafe(KEY_BYTES)
    salt = secrets.token_bytes(SALT_BYTES)
    hashed = _hash(salt, text)
    return text, Key(secrets.token_hex(4), partner, salt, hashed, rate, batch, expires, test)


def _hash(salt: bytes, text: str) -> bytes:
    return hmac.digest(salt, text.encode("utf-8", "surrogateescape"), hashlib.sha256)


def _key(number: int, entry: Any) -> Key:
    if not isinstance(entry, dict) or entry.keys() - OPTIONAL != FIELDS:
        raise KeysError(f"key {number} has not exactly the fields {', '.join(sorted(FIELDS))}")
    try:
        key = Key(
            id=str(entry["id"]),
            partner=str(entry["partner"]),
            salt=bytes.fromhex(entry["salt"]),
            sha256=bytes.fromhex(entry["sha256"]),
            rate=Rate.parse(entry["rate"]),
            batch=int(entry["batch"]),
            expires=date.fromisoformat(entry["expires"]),
            test=entry.get("test", False),
        )
    except (ValueError, TypeError) as error:
        raise KeysError(f"key {number} is wrong: {error}") from None
    if len(key.salt) < SALT_BYTES or len(key.sha256) != hashlib.sha256().digest_size:
        raise KeysError(f"key {number} has a salt or a hash that is too short")
    if not isinstance(key.test, bool):
        raise KeysError(f"key {number} has a test that is not true or false")
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


# The command.


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    try:
        keys = read(str(options.file)).keys if options.file.exists() else ()
    except KeysError as error:
        print(f"{options.file}: {error}", file=sys.stderr)
        return 1
    if options.command == "list":
        for key in keys:
            limits = f"{key.rate}, {key.batch} a batch"
            kind = "  (test)" if key.test else ""
            print(f"{key.id}  until {key.expires}  {limits}  {key.partner}{kind}")
        return 0
    if options.command == "create":
        expires = datetime.now(UTC).date() + timedelta(days=options.days)
        text, key = create(options.partner, options.rate, options.batch, expires, options.test)
        _write(options.file, (*keys, key))
        print(f"{key.id} for {key.partner}, until {expires}; shown this once:", file=sys.stderr)
        print(text)
        return 0
    left = tuple(key for key in keys if key.id != options.id)
    if len(left) == len(keys):
        ids = ", ".join(key.id for key in keys) or "none"
        print(f"there is no key {options.id!r}; there are {ids}", file=sys.stderr)
        return 1
    _write(options.file, left)
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lesionlens.api.keys", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("file", type=Path, help="JSON file of what is configured as API_KEYS")
    commands = parser.add_subparsers(dest="command", required=True)
    making = commands.add_parser("create", help="make a key and print it, this once")
    making.add_argument("partner", type=_text)
    making.add_argument("--rate", type=Rate.parse, default="600/minute", help="images in a time")
    making.add_argument("--batch", type=int, default=16, choices=range(1, MAX_BATCH + 1),
                        metavar="IMAGES", help="images in one request")  # fmt: skip
    making.add_argument("--days", type=int, default=365, help="until it expires")
    making.add_argument("--test", action="store_true", help="a key whose results are marked")
    commands.add_parser("list", help="list what is known of the keys")
    commands.add_parser("revoke", help="remove a key").add_argument("id")
    return parser.parse_args(arguments)


def _text(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise argparse.ArgumentTypeError("a name of printable characters is needed")
    return text.strip()


def _write(file: Path, keys: Sequence[Key]) -> None:
    # Beside it and then over it: a reader finds the old file or the new one, never half of one.
    beside = file.with_name(file.name + ".new")
    document = json.dumps({"keys": [_entry(key) for key in keys]}, indent=2) + "\n"
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
        opened.write(document)
    beside.replace(file)


if __name__ == "__main__":
    sys.exit(main())
