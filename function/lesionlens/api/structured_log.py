"""Log lines as JSON on standard output, with the fields of Cloud Logging; never image data.

https://cloud.google.com/logging/docs/structured-logging
"""

import json
import logging
import re
import sys
import traceback
from typing import Any

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(?:-|$)")
# Created once. Writes ASCII only: no Unicode line separator may end a line early.
_encode = json.JSONEncoder(default=str).encode
_level = logging.INFO


def configure(level: int) -> None:
    """Write lines of at least ``level``, one of `logging`'s levels."""
    global _level
    _level = level


def line(level: int, message: str, **fields: Any) -> None:
    """Write one line of JSON to standard output in a single write, and flush it."""
    if level >= _level:
        named = {"severity": logging.getLevelName(level), "message": message}
        sys.stdout.write(_encode(named | fields) + "\n")
        sys.stdout.flush()


def error(message: str, exception: BaseException, **fields: Any) -> None:
    """Log an error by its type and stack trace only: its message may quote the image file."""
    stack = "".join(traceback.format_tb(exception.__traceback__))
    line(logging.ERROR, message, error=type(exception).__name__, stack_trace=stack, **fields)


def trace_fields(traceparent: str, project: str) -> dict[str, str]:
    """Return Cloud Logging's fields for a ``traceparent`` header (W3C); {} for an invalid one."""
    match = _TRACEPARENT.match(traceparent)
    if not match:
        return {}
    trace_id, span_id = match.groups()
    trace = f"projects/{project}/traces/{trace_id}" if project else trace_id
    return {
        "logging.googleapis.com/trace": trace,
        "logging.googleapis.com/spanId": span_id,
    }
