"""JSON bodies that hold images in base64, parsed with bounds on memory."""

import base64
import binascii
import contextlib
import json
import re
import threading
from typing import Any

from ..errors import MalformedRequest

# Bytes from which JSON bodies are parsed one after the other: each takes three times its size, and
# steps of 50 ms in which no other thread runs.
LARGE_JSON = 1024 * 1024
_LARGE_JSON_TURN = threading.Lock()
_DATA_URL = re.compile(r"data:[^,]{0,200};base64,", re.IGNORECASE)
# base64url (RFC 4648, 5) to base64.
_STANDARD = bytes.maketrans(b"-_", b"+/")
_WHITESPACE = b" \t\r\n"


def turn(body: bytes) -> contextlib.AbstractContextManager[object]:
    """Return a context in which only one body of more than `LARGE_JSON` bytes is parsed."""
    return _LARGE_JSON_TURN if len(body) > LARGE_JSON else contextlib.nullcontext()


def parse(body: bytes, max_delimiters: int, shape: str) -> Any:
    """Parse a body with at most ``max_delimiters`` of the characters ``[``, ``{`` and ``,``.

    base64 contains none of these. A document of many small values would take 30 times its size in
    memory. ``shape``: the accepted document, for the message. Raises MalformedRequest.
    """
    if sum(body.count(delimiter) for delimiter in (b"[", b"{", b",")) > max_delimiters:
        raise MalformedRequest(f"The JSON must be an object {shape}, no more.")
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise MalformedRequest("The body is not valid JSON.") from None


def decode_base64(text: str, field: str) -> bytes:
    """Decode base64 or base64url, with or without padding, line breaks or a data URL's prefix.

    ``field``: its name, for the message. Raises MalformedRequest.
    """
    prefix = _DATA_URL.match(text)
    try:
        data = text[prefix.end() if prefix else 0 :].encode("ascii")
        data = data.translate(_STANDARD, _WHITESPACE).rstrip(b"=")
        return base64.b64decode(data + b"=" * (-len(data) % 4), validate=True)
    except (binascii.Error, UnicodeError):
        raise MalformedRequest(
            f"The field {field!r} is not valid base64 (RFC 4648); accepted is base64 or base64url, "
            "also with line breaks, without padding, or as a data URL."
        ) from None
