"""Creates, lists and revokes partners' API keys, in a JSON file that is configured as API_KEYS.

    python -m lesionlens.api.keys FILE create PARTNER [--rate 600/minute] [--batch 16] [--days 365]
                                                      [--test]
    python -m lesionlens.api.keys FILE list
    python -m lesionlens.api.keys FILE revoke ID

The file holds a salted hash of each key; the key itself is printed once, when it is created.
Results of a test key are marked as test data, and it has a rate limit of its own, so that tests do
not use up the limit of the partner's other key.
"""

import argparse
import os
import re
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from .keyring import MAX_BATCH, Key, KeysError, create, document, read
from .rate import Rate

MAX_DAYS = 3650


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status, 1 for an invalid file or an unknown id."""
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
    making = commands.add_parser("create", help="create a key and print it, this once")
    making.add_argument("partner", type=_text)
    making.add_argument("--rate", type=_rate, default="600/minute", help="images per time")
    making.add_argument(
        "--batch", type=_from_one_to(MAX_BATCH), default=16, help="images a request"
    )
    making.add_argument("--days", type=_from_one_to(MAX_DAYS), default=365, help="until it expires")
    making.add_argument("--test", action="store_true", help="a key whose results are marked")
    commands.add_parser("list", help="list the keys, without their hashes")
    commands.add_parser("revoke", help="remove a key").add_argument("id")
    return parser.parse_args(arguments)


def _text(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise argparse.ArgumentTypeError("a name of printable characters is needed")
    return text.strip()


def _rate(text: str) -> Rate:
    try:
        return Rate.parse(text)
    except ValueError as error:
        # argparse prints the message of its own error only.
        raise argparse.ArgumentTypeError(str(error)) from None


def _from_one_to(most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch("[0-9]{1,18}", text) or not 1 <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text!r}; accepted is a number from 1 to {most}")
        return int(text)

    return parse


def _write(file: Path, keys: Sequence[Key]) -> None:
    # Written beside the file and renamed: a reader finds the old content or the new, never a part.
    beside = file.with_name(file.name + ".new")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
        opened.write(document(keys))
    beside.replace(file)


if __name__ == "__main__":
    sys.exit(main())
