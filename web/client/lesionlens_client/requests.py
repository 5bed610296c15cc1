"""Requests as both clients send them."""

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

Image = str | os.PathLike[str] | bytes  # the path of a file, or its content


class Options(Record, total=False):
    """What may be asked for beside an image, and what comes back with its result."""

    explain: bool | str  # the predicted class, or one by its label
    overlay: bool
    views: int
    prior: Literal["dataset", "uniform"]
    prevalence: float


class _Settings(TypedDict):
    base_url: str
    headers: dict[str, str]
    timeout: httpx.Timeout


def settings(address: str, key: str | None, timeout_s: float) -> _Settings:
    """Return the settings of either kind of httpx client, which follow no redirects.

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
    """Builds requests by a client's ``build_request``."""

    def __init__(self, build: Callable[..., httpx.Request]) -> None:
        self._build = build

    def get(self, path: str) -> httpx.Request:
        return self._build("GET", path)

    def classify(self, image: Image, options: Options) -> httpx.Request:
        return self._post("/v1/classify", "image", [image], options, {})

    def batch(self, images: Sequence[Image], options: Options) -> httpx.Request:
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
        # The same for each try: a repetition gets the first one's answer and costs nothing.
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
