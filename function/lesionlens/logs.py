"""One structured line a request, in the fields that Cloud Logging knows; never the image.

https://cloud.google.com/logging/docs/structured-logging
"""

import json
import logging
import sys
import traceback
from typing import Any

_logger = logging.getLogger("lesionlens")


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = {"severity": record.levelname, "message": record.getMessage()}
        fields |= getattr(record, "fields", {})
        return json.dumps(fields, default=str)


def configure(level: int) -> None:
    """Send this package's log to standard output as lines of JSON, from ``level`` upwards."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_Json())
    _logger.handlers = [handler]
    _logger.propagate = False
    _logger.setLevel(level)


def line(level: int, message: str, **fields: Any) -> None:
    _logger.log(level, message, extra={"fields": fields})


def error(message: str, exception: BaseException, **fields: Any) -> None:
    """Log an error with its type and its stack, which name code: its message may quote an image."""
    stack = "".join(traceback.format_tb(exception.__traceback__))
    line(logging.ERROR, message, error=type(exception).__name__, stack_trace=stack, **fields)


def trace_fields(traceparent: str, project: str) -> dict[str, str]:
    """Cloud Logging's fields for a W3C ``traceparent`` header (version-trace-span-flags)."""
    parts = traceparent.split("-")
    if len(parts) < 4 or len(parts[1]) != 32 or len(parts[2]) != 16:
        return {}
    try:
        int(parts[1] + parts[2], 16)
    except ValueError:
        return {}
    trace = f"projects/{project}/traces/{parts[1]}" if project else parts[1]
    return {
        "logging.googleapis.com/trace": trace,
        "logging.googleapis.com/spanId": parts[2],
    }
