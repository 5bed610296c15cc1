"""JSON as answers are written: by msgspec, in a tenth of the standard library's time."""

import json
from typing import Any

import msgspec
from flask.json.provider import JSONProvider

_encoder = msgspec.json.Encoder()


def encode(document: Any) -> bytes:
    """Return a document as JSON without spaces, in UTF-8."""
    try:
        return _encoder.encode(document)
    except UnicodeEncodeError:
        # A client's text with half of a surrogate pair, which UTF-8 has no bytes for.
        return json.dumps(document, separators=(",", ":")).encode()


class Provider(JSONProvider):
    """What Flask writes and reads JSON with."""

    def dumps(self, obj: Any, **_: Any) -> str:
        return encode(obj).decode()

    def loads(self, s: str | bytes, **_: Any) -> Any:
        return msgspec.json.decode(s)
