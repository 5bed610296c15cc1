"""The synchronous client."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import Any, Self, Unpack, cast

import httpx

from .problems import ProblemError, problem_of
from .requests import Image, Options, Requests, settings
from .results import Entry, Result
from .retries import Retries

# Called with the number of images that are answered, and of all.
Progress = Callable[[int, int], None]


class Client:
    """A service at an address; safe for use by several threads.

    Every method raises ProblemError for what the service refuses, and httpx.TransportError where
    there is no answer, each after as many tries as ``retries`` allows.
    """

    def __init__(
        self,
        address: str,
        key: str | None = None,
        timeout_s: float = 60.0,
        retries: Retries = Retries(),  # noqa: B008 (frozen)
    ) -> None:
        self._http = httpx.Client(**settings(address, key, timeout_s))
        self._requests = Requests(self._http.build_request)
        self._retries = retries

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def classify(self, image: Image, **options: Unpack[Options]) -> Result:
        """Classify one image."""
        return cast(Result, self._json(self._requests.classify(image, options)))

    def batch(
        self,
        images: Sequence[Image],
        progress: Progress | None = None,
        **options: Unpack[Options],
    ) -> list[Entry]:
        """Classify several images, up to the number that the key allows, in their order."""
        entries = []
        for entry in self.stream(images, **options):
            entries.append(entry)
            if progress is not None:
                progress(len(entries), len(images))
        return entries

    def stream(self, images: Sequence[Image], **options: Unpack[Options]) -> Iterator[Entry]:
        """Yield the entries of a batch in their order, each as soon as it is there."""
        request = self._requests.batch(images, options)
        seen = 0
        tried = 0
        while True:
            tried += 1
            with closing(self._send(request, stream=True)) as response:
                try:
                    for line in response.iter_lines():
                        entry: Entry = json.loads(line)
                        # After a connection that broke, the batch is answered from its start.
                        if entry["index"] == seen:
                            seen += 1
                            yield entry
                    return
                except httpx.TransportError as error:
                    failure = error
            time.sleep(self._retries.wait_s(failure, tried))

    def labels(self) -> list[dict[str, Any]]:
        """Return the classes, with names and codes."""
        answer = self._json(self._requests.get("/v1/labels"))
        return cast("list[dict[str, Any]]", answer["labels"])

    def model(self) -> dict[str, Any]:
        """Return the release that answers: metrics, data, licence."""
        return self._json(self._requests.get("/v1/model"))

    def _json(self, request: httpx.Request) -> dict[str, Any]:
        response = self._send(request, stream=False)
        return cast("dict[str, Any]", response.json())

    def _send(self, request: httpx.Request, stream: bool) -> httpx.Response:
        """Return an answer that is no error; if it is a stream, it has yet to be read."""
        tried = 0
        while True:
            tried += 1
            failure: ProblemError | httpx.TransportError
            try:
                response = self._http.send(request, stream=stream)
                if response.is_success:
                    return response
                with closing(response):
                    response.read()
                failure = problem_of(response)
            except httpx.TransportError as error:
                failure = error
            time.sleep(self._retries.wait_s(failure, tried))
