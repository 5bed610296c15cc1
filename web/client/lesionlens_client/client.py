"""The synchronous client: `Client`."""

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

# Called after each image with the number of images answered so far and the number of all images.
Progress = Callable[[int, int], None]


class Client:
    """Client of one LesionLens service; safe for use by several threads.

    Use it as a context manager, or call `close` when done. A failed connection, and an error that
    may pass (408, 429, 500, 502, 503, 504, and 409 with Retry-After), is retried as ``retries``
    says; any other error is raised at once. All attempts of a request carry one Idempotency-Key,
    so an image that the service has already classified is not counted against limits again.

    Every method that sends a request raises

    - `ProblemError` if the service answers with an error, and
    - ``httpx.TransportError`` if there is no answer: no connection, timeout, connection lost.

    Args:
        address: Root of the service, such as ``https://HOST``; redirects are not followed.
        key: API key, sent as a bearer token. None for a service that needs none.
        timeout_s: Seconds without progress after which a request fails; connecting has at most 10.
        retries: How often, and after how long, a failed request is repeated (see `Retries`).

    Raises:
        ValueError: The address has no scheme (``https://`` or ``http://``).
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
        """Close all connections; the client cannot be used afterwards."""
        self._http.close()

    def classify(self, image: Image, **options: Unpack[Options]) -> Result:
        """Classify one image.

        Args:
            image: Path of an image file, or the file's content as bytes.
            **options: See `Options`; for example ``views=4`` or ``explain=True``.

        Returns:
            The result; ``prediction`` and ``malignancy`` are None if the picture was not recognized
            as dermatoscopic.

        Raises:
            ProblemError: The service answered with an error.
            httpx.TransportError: There was no answer.
            OSError: The file cannot be read.
        """
        return cast(Result, self._json(self._requests.classify(image, options)))

    def batch(
        self,
        images: Sequence[Image],
        progress: Progress | None = None,
        **options: Unpack[Options],
    ) -> list[Entry]:
        """Classify several images in one request; return when all are answered.

        An image that cannot be classified does not fail the others: its entry holds a ``problem``
        in place of a ``result``.

        Args:
            images: Paths of image files, or their content as bytes; by default at most 16, a key
                may have a limit of its own.
            progress: Called after each image with the number of images answered and the total.
            **options: See `Options`; the same for all images.

        Returns:
            One entry for each image, in the order of ``images``.

        Raises:
            ProblemError: The service refused the whole request.
            httpx.TransportError: There was no answer, or it broke off.
            OSError: A file cannot be read.
        """
        entries = []
        for entry in self.stream(images, **options):
            entries.append(entry)
            if progress is not None:
                progress(len(entries), len(images))
        return entries

    def stream(self, images: Sequence[Image], **options: Unpack[Options]) -> Iterator[Entry]:
        """Classify several images in one request; yield each entry as soon as it arrives.

        Arguments and errors are those of `batch`; errors are raised while iterating. If the
        connection breaks, the request is repeated and entries already yielded are skipped.
        """
        request = self._requests.batch(images, options)
        seen = 0
        tried = 0
        while True:
            tried += 1
            with closing(self._send(request, stream=True)) as response:
                try:
                    for line in response.iter_lines():
                        entry: Entry = json.loads(line)
                        # After a broken connection, the service repeats the batch from its start.
                        if entry["index"] == seen:
                            seen += 1
                            yield entry
                    return
                except httpx.TransportError as error:
                    failure = error
            time.sleep(self._retries.wait_s(failure, tried))

    def labels(self) -> list[dict[str, Any]]:
        """Return the classes that the model distinguishes, with names and terminology codes."""
        answer = self._json(self._requests.get("/v1/labels"))
        return cast("list[dict[str, Any]]", answer["labels"])

    def model(self) -> dict[str, Any]:
        """Return the manifest of the model being served: metrics, data, licence and more."""
        return self._json(self._requests.get("/v1/model"))

    def _json(self, request: httpx.Request) -> dict[str, Any]:
        response = self._send(request, stream=False)
        return cast("dict[str, Any]", response.json())

    def _send(self, request: httpx.Request, stream: bool) -> httpx.Response:
        """Send until the response is a success, or raise; a streamed body is yet to be read."""
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
