"""The asynchronous client: `AsyncClient`."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any, Self, Unpack, cast

import httpx

from .client import Progress
from .problems import ProblemError, problem_of
from .requests import Image, Options, Requests, settings
from .results import Entry, Result
from .retries import Retries


class AsyncClient:
    """Client of one LesionLens service for one asyncio event loop.

    It has the methods of `Client` as coroutines, with the same arguments, retries and errors. Use
    it as an asynchronous context manager, or await `close` when done.

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
        self._http = httpx.AsyncClient(**settings(address, key, timeout_s))
        self._requests = Requests(self._http.build_request)
        self._retries = retries

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections; the client cannot be used afterwards."""
        await self._http.aclose()

    async def classify(self, image: Image, **options: Unpack[Options]) -> Result:
        """Classify one image: a path or a file's content. See `Client.classify`."""
        return cast(Result, await self._json(self._requests.classify(image, options)))

    async def batch(
        self,
        images: Sequence[Image],
        progress: Progress | None = None,
        **options: Unpack[Options],
    ) -> list[Entry]:
        """Classify several images in one request; return all entries. See `Client.batch`.

        ``progress`` is an ordinary function, not a coroutine.
        """
        entries = []
        async for entry in self.stream(images, **options):
            entries.append(entry)
            if progress is not None:
                progress(len(entries), len(images))
        return entries

    async def stream(
        self, images: Sequence[Image], **options: Unpack[Options]
    ) -> AsyncIterator[Entry]:
        """Classify several images; yield each entry as soon as it arrives. See `Client.stream`.

        A caller that stops early should close the iterator (``contextlib.aclosing``).
        """
        request = self._requests.batch(images, options)
        seen = 0
        tried = 0
        while True:
            tried += 1
            async with aclosing(await self._send(request, stream=True)) as response:
                try:
                    async for line in response.aiter_lines():
                        entry: Entry = json.loads(line)
                        # After a broken connection, the service repeats the batch from its start.
                        if entry["index"] == seen:
                            seen += 1
                            yield entry
                    return
                except httpx.TransportError as error:
                    failure = error
            await asyncio.sleep(self._retries.wait_s(failure, tried))

    async def labels(self) -> list[dict[str, Any]]:
        """Return the classes that the model distinguishes, with names and terminology codes."""
        answer = await self._json(self._requests.get("/v1/labels"))
        return cast("list[dict[str, Any]]", answer["labels"])

    async def model(self) -> dict[str, Any]:
        """Return the manifest of the model being served: metrics, data, licence and more."""
        return await self._json(self._requests.get("/v1/model"))

    async def _json(self, request: httpx.Request) -> dict[str, Any]:
        response = await self._send(request, stream=False)
        return cast("dict[str, Any]", response.json())

    async def _send(self, request: httpx.Request, stream: bool) -> httpx.Response:
        """Send until the response is a success, or raise; a streamed body is yet to be read."""
        tried = 0
        while True:
            tried += 1
            failure: ProblemError | httpx.TransportError
            try:
                response = await self._http.send(request, stream=stream)
                if response.is_success:
                    return response
                async with aclosing(response):
                    await response.aread()
                failure = problem_of(response)
            except httpx.TransportError as error:
                failure = error
            await asyncio.sleep(self._retries.wait_s(failure, tried))
