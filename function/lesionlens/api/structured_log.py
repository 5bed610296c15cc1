"""One structured line a request, in the fields that Cloud Logging knows; never the image.

https://cloud.google.com/logging/docs/structured-logging
"""

import json
import logging
import re
import sys
import traceback
from typing import Any

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(?:-|$)")
# Made once. Only ASCII: whoever reads lines must find them where they end.
_encode = json.JSONEncoder(default=str).encode
_level = logging.INFO


def configure(level: int) -> None:
    """Write lines from ``level`` upwards, one of `logging`'s."""
    global _level
    _level = level


def line(level: int, message: str, **fields: Any) -> None:
    """Write a line of JSON to standard output, at once and as a whole."""
    if level >= _level:
        named = {"severity": logging.getLevelName(level), "message": message}
        sys.stdout.write(_encode(named | fields) + "\n")
        sys.stdout.flush()


def error(message: str, exception: BaseException, **fields: Any) -> None:
    """Log an error with its type and its stack, which name code: its message may quote an image."""
    stack = "".join(traceback.format_tb(exception.__traceback__))
    line(logging.ERROR, message, error=type(exception).__name__, stack_trace=stack, **fields)


def trace_fields(traceparent: str, project: str) -> dict[str, str]:
    """Cloud Logging's fields for a W3C ``traceparent`` header (version-trace-span-flags)."""
    match = _TRACEPARENT.match(traceparent)
    if not match:
        return {}
    trace_id, span_id = match.groups()
    trace = f"projects/{project}/traces/{trace_id}" if project else trace_id
    return {
        "logging.googleapis.com/trace": trace,
        "logging.googleapis.com/spanId": span_id,
    }
