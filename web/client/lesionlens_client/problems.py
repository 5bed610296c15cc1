"""Errors that the service answers, told apart by whether waiting helps."""

import json
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, cast

import httpx

from .results import Problem

# Too slow, still answering, limit used up, faults of the service or before it. Not 422 or 413: what
# is too much stays too much.
LATER = frozenset({408, 409, 429, 500, 502, 503, 504})


class ProblemError(Exception):
    """The service refused a request, and says why.

    ``later``: whether the same request may succeed later; otherwise it has to be changed.
    ``retry_after_s``: how long the service asks to wait, in seconds, if it does.
    """

    def __init__(self, problem: Problem, later: bool, retry_after_s: float | None) -> None:
        super().__init__(f"{problem['status']} {problem['title']}: {problem['detail']}")
        self.problem = problem
        self.later = later
        self.retry_after_s = retry_after_s


def problem_of(response: httpx.Response) -> ProblemError:
    """Return the error in a response that has been read."""
    retry_after_s = _seconds(response.headers.get("Retry-After"))
    status = response.status_code
    # 409 and 422 also stand for an Idempotency-Key in use: then Retry-After tells them apart.
    later = status in LATER and not (status == 409 and retry_after_s is None)
    return ProblemError(_document(response), later, retry_after_s)


def _document(response: httpx.Response) -> Problem:
    try:
        document: Any = json.loads(response.content)
    except ValueError:
        document = None
    if isinstance(document, dict) and document.keys() >= Problem.__required_keys__:
        return cast(Problem, document)
    # The error page of a proxy is no problem document.
    return {
        "type": "about:blank",
        "title": response.reason_phrase,
        "status": response.status_code,
        "detail": "the answer holds no problem document",
        "request_id": response.headers.get("X-Request-Id", ""),
    }


def _seconds(header: str | None) -> float | None:
    """Read Retry-After: seconds, or a date (RFC 9110, 10.2.3); None if it is neither."""
    if header is None:
        return None
    if header.isascii() and header.isdigit():
        return float(header)
    try:
        until = parsedate_to_datetime(header)
    except ValueError:
        return None
    # "-0000" stands for UTC without a place, and is read as no zone.
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max(0.0, (until - datetime.now(UTC)).total_seconds())
