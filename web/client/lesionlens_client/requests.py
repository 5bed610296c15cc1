"""The HTTP requests that both clients send."""

import os
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, TypedDict

import httpx

from .results import Record

VERSION = "1.0.0"
CONNECT_S = 10.0
JSON_LINES = "application/jsonl"

# Path of an image file, or the content of one.
Image = str | os.PathLike[str] | bytes


class Options(Record, total=False):
    """Optional parameters of a classification, and references that its result repeats."""

    explain: bool | str
    """Add a heat map (``explanation``) for the predicted class, or for a class given by label."""
    overlay: bool
    """Whether an explanation includes its PNG, which takes most of its time; default True."""
    views: int
    """Number of mirrored and rotated copies to average, 1 (default) to 8; each counts as an image
    against limits."""
    prior: Literal["dataset", "uniform"]
    """Class frequencies that probabilities assume: as in HAM10000 (default), or all equal."""
    prevalence: float
    """Share of malignant lesions among your patients, 0.0001 to 0.9999; in place of ``prior``."""


class _Settings(TypedDict):
    base_url: str
    headers: dict[str, str]
    timeout: httpx.Timeout


def settings(address: str, key: str | None, timeout_s: float) -> _Settings:
    """Return the settings for ``httpx.Client`` and ``httpx.AsyncClient``.

    Raises ValueError for an address without a scheme.
    """
    if not address.startswith(("https://", "http://")):
        raise ValueError(f"the address is {address!r}; accepted is one such as https://HOST")
    headers = {"Accept": "application/json", "User-Agent": f"lesionlens-client/{VERSION}"}
    if key is not None:
        headers["Authorization"] = f"Bearer {key}"
    timeout = httpx.Timeout(timeout_s, connect=min(CONNECT_S, timeout_s))
    return {"base_url": address, "headers": headers, "timeout": timeout}


class Requests:
    """Builds requests with the ``build_request`` of an httpx client."""

    def __init__(self, build: Callable[..., httpx.Request]) -> None:
        self._build = build

    def get(self, path: str) -> httpx.Request:
        """Return a GET request."""
        return self._build("GET", path)

    def classify(self, image: Image, options: Options) -> httpx.Request:
        """Return a request for one image. Raises OSError if its file cannot be read."""
        return self._post("/v1/classify", "image", [image], options, {})

    def batch(self, images: Sequence[Image], options: Options) -> httpx.Request:
        """Return a request for several images. Raises OSError if a file cannot be read."""
        return self._post("/v1/batch", "images", images, options, {"Accept": JSON_LINES})

    def _post(
        self,
        path: str,
        field: str,
        images: Sequence[Image],
        options: Options,
        headers: dict[str, str],
    ) -> httpx.Request:
        given: dict[str, Any] = dict(options)
        record = {name: given.pop(name) for name in Record.__annotations__ if name in given}
        files = [(field, ("image", content, "application/octet-stream"))
                 for content in map(_content, images)]  # fmt: skip
        # One key for all attempts: a repetition gets the first answer and is not counted again.
        headers = {"Idempotency-Key": str(uuid.uuid4()), **headers}
        parameters = dict(_parameters(given))
        return self._build(
            "POST", path, params=parameters, data=record, files=files, headers=headers
        )


def _content(image: Image) -> bytes:
    return image if isinstance(image, bytes) else Path(image).read_bytes()


def _parameters(given: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in given.items():
        yield name, str(value).lower() if isinstance(value, bool) else str(value)
