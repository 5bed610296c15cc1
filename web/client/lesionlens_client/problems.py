"""Errors with which the service answers, and whether a retry may help."""

import json
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, cast

import httpx

from .results import Problem

# Upload too slow (408), first attempt still being answered (409), rate limit (429), faults of the
# service or of a proxy (5xx). Not 413 or 422: the same request would fail again.
LATER = frozenset({408, 409, 429, 500, 502, 503, 504})


class ProblemError(Exception):
    """The service answered with an error; ``str()`` gives its status, title and detail.

    Attributes:
        problem: The problem document (RFC 9457).
        later: Whether the same request may succeed later; if not, the request must be changed.
        retry_after_s: Seconds to wait before the next attempt, from the header Retry-After; None if
            the response had none.
    """

    def __init__(self, problem: Problem, later: bool, retry_after_s: float | None) -> None:
        super().__init__(f"{problem['status']} {problem['title']}: {problem['detail']}")
        self.problem = problem
        self.later = later
        self.retry_after_s = retry_after_s


def problem_of(response: httpx.Response) -> ProblemError:
    """Return the error that a response, already read, stands for."""
    retry_after_s = _seconds(response.headers.get("Retry-After"))
    status = response.status_code
    # 409 has several causes; it comes with Retry-After only while the first attempt is in progress.
    later = status in LATER and not (status == 409 and retry_after_s is None)
    return ProblemError(_document(response), later, retry_after_s)


def _document(response: httpx.Response) -> Problem:
    try:
        document: Any = json.loads(response.content)
    except ValueError:
        document = None
    if isinstance(document, dict) and document.keys() >= Problem.__required_keys__:
        return cast(Problem, document)
    # For example the error page of a proxy.
    return {
        "type": "about:blank",
        "title": response.reason_phrase,
        "status": response.status_code,
        "detail": "the answer holds no problem document",
        "request_id": response.headers.get("X-Request-Id", ""),
    }


def _seconds(header: str | None) -> float | None:
    """Parse Retry-After: seconds or a date (RFC 9110, 10.2.3); None if it is neither."""
    if header is None:
        return None
    if header.isascii() and header.isdigit():
        return float(header)
    try:
        until = parsedate_to_datetime(header)
    except ValueError:
        return None
    # "-0000" means UTC (RFC 5322, 3.3) and is parsed as a time without a zone.
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max(0.0, (until - datetime.now(UTC)).total_seconds())
