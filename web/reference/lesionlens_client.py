"""LesionLens from Python: one file, nothing but the standard library, Python 3.10 or later.

    client = Client("https://lesionlens.example", key="ll_…")
    result = client.classify("lesion.jpg")
    print(result["malignancy"])

The API in full is /openapi.json. Not a medical diagnosis: show a result's ``notice`` with it.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypedDict, cast

Image = str | Path | bytes  # the path of a file, or its content

TRIES = 4
LONGEST_WAIT_S = 60.0
# The service asks to come back: too early, limit used up, model not there yet.
RETRIED = (409, 429, 503)


class Prediction(TypedDict):
    label: str
    name: str
    probability: float


class ClassProbability(Prediction):
    malignant: bool


class Prior(TypedDict):
    """How frequent the classes were taken to be."""

    name: str
    malignant: float  # share


class Decision(TypedDict):
    """What the flag rests on, always under the default prior."""

    prior: str
    probability: float
    threshold: float


class Malignancy(TypedDict):
    probability: float  # the sum over the malignant classes
    flag: bool
    decision: Decision


class Problem(TypedDict):
    """An error, as RFC 9457 has it."""

    type: str
    title: str
    status: int
    detail: str
    request_id: str


class Result(TypedDict):
    """What the model says of one image; /openapi.json describes each field."""

    request_id: str
    model: dict[str, str]
    # None where the image is no dermatoscopic one: look before you read it.
    prediction: Prediction | None
    prior: Prior
    views: int
    probabilities: list[ClassProbability]
    malignancy: Malignancy | None
    input: dict[str, Any]
    timing_ms: dict[str, float]
    notice: str


class Entry(TypedDict, total=False):
    """One image of a batch: it has ``result`` or ``problem``."""

    index: int
    result: Result
    problem: Problem


class ProblemError(Exception):
    """The service refused; ``problem`` says what was wrong, found and accepted."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(f"{problem['status']} {problem['title']}: {problem['detail']}")
        self.problem = problem


class Client:
    """Repeats by itself what can be repeated, under one Idempotency-Key, so that it costs once."""

    def __init__(self, address: str, key: str | None = None, timeout_s: float = 90.0) -> None:
        if not address.startswith(("https://", "http://")):
            raise ValueError(f"the address is {address!r}; accepted is https://HOST")
        self._address = address.rstrip("/")
        self._key = key
        self._timeout_s = timeout_s

    def classify(self, image: Image, **options: str) -> Result:
        """Classify one image; options are those of the query, such as ``explain="true"``.

        Raises ProblemError, and OSError where there is no answer.
        """
        return cast(Result, self._post("/v1/classify", "image", [image], options))

    def batch(self, images: Sequence[Image], **options: str) -> list[Entry]:
        """Classify several images, up to 16; each entry has its result or its problem."""
        answer = self._post("/v1/batch", "images", images, options)
        return cast("list[Entry]", answer["results"])

    def labels(self) -> list[dict[str, Any]]:
        """The classes, with names and codes."""
        return cast("list[dict[str, Any]]", self._ask("GET", "/v1/labels")["labels"])

    def model(self) -> dict[str, Any]:
        """The release that answers: metrics, data, licence."""
        return self._ask("GET", "/v1/model")

    def _post(
        self, path: str, field: str, images: Sequence[Image], options: dict[str, str]
    ) -> dict[str, Any]:
        boundary = uuid.uuid4().hex
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"; filename="image"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        ).encode()
        body = b"".join(head + _content(image) + b"\r\n" for image in images)
        headers = {
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Idempotency-Key": str(uuid.uuid4()),
        }
        query = f"?{urllib.parse.urlencode(options)}" if options else ""
        return self._ask("POST", path + query, body + f"--{boundary}--\r\n".encode(), headers)

    def _ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        request = urllib.request.Request(self._address + path, body, method=method)  # noqa: S310
        for name, value in {"Accept": "application/json", **(headers or {})}.items():
            request.add_header(name, value)
        if self._key:
            # Not sent on to where a redirect may lead.
            request.add_unredirected_header("Authorization", f"Bearer {self._key}")
        for tried in range(1, TRIES + 1):
            wait = min(2.0 ** (tried - 1), LONGEST_WAIT_S)
            try:
                with urllib.request.urlopen(request, timeout=self._timeout_s) as answer:  # noqa: S310
                    return cast("dict[str, Any]", json.load(answer))
            except urllib.error.HTTPError as error:
                with error:
                    asked = _seconds(error.headers.get("Retry-After"))
                    refused = ProblemError(_problem(error))
                if error.code not in RETRIED or tried == TRIES:
                    raise refused from None
                if asked is not None and asked > LONGEST_WAIT_S:
                    raise refused from None
                wait = wait if asked is None else asked
            except OSError:
                if tried == TRIES:
                    raise
            time.sleep(wait)
        raise AssertionError("the last try returns or raises")


def _content(image: Image) -> bytes:
    return image if isinstance(image, bytes) else Path(image).read_bytes()


def _seconds(header: str | None) -> float | None:
    return float(header) if header is not None and header.isdigit() else None


def _problem(error: urllib.error.HTTPError) -> Problem:
    try:
        document = json.loads(error.read())
        if isinstance(document, dict) and "detail" in document:
            return cast(Problem, document)
    except ValueError:
        pass
    # A proxy's own error page is no problem document; the status has to do.
    found = {"type": "about:blank", "title": str(error.reason), "status": error.code}
    return cast(Problem, {**found, "detail": "no problem document", "request_id": ""})
