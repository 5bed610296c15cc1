"""Clients that classify every response: as expected, refused, cut off, wrong or lost."""

import contextlib
import http.client
import io
import json
import os
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import numpy as np
from PIL import Image

from tests.conftest import VARIABLES, create_client
from tests.pictures import encoded, lesion

CLASSIFY = "/v1/classify"
TIMEOUT_S = 60
REFUSALS = (429, 503)
# Fields that differ between two responses to the same request.
VOLATILE = ("request_id", "timing_ms")


@dataclass(frozen=True)
class Case:
    """A request, and the status and document of the expected response."""

    name: str
    body: bytes
    media_type: str
    status: int
    document: str


def cases() -> list[Case]:
    """Valid and invalid requests, with the responses of the function without load."""
    return _answered(_requests())


def largest(width: int, height: int) -> Case:
    """A noisy WebP image of maximum size, the kind that needs the most memory to decode."""
    noise = np.random.default_rng(3).integers(0, 256, (height, width, 3), np.uint8)
    body = encoded(Image.fromarray(noise), "WEBP", quality=86, method=0)
    return _answered({"largest": (body, "image/webp")})[0]


def _answered(requests: dict[str, tuple[bytes, str]]) -> list[Case]:
    others = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    with mock.patch.dict(os.environ, {**others, "LOG_LEVEL": "ERROR"}, clear=True):
        alone = create_client()
    found = []
    for name, (body, media_type) in requests.items():
        answer = alone.post(CLASSIFY, data=body, content_type=media_type)
        found.append(Case(name, body, media_type, answer.status_code, stable(answer.json)))
    return found


def good(found: Sequence[Case]) -> list[Case]:
    return [case for case in found if case.status == 200]


def _requests() -> dict[str, tuple[bytes, str]]:
    photograph = lesion(600, 450)
    jpeg = encoded(photograph, quality=90)
    start = b'--edge\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
    end = b"\r\n--edge--\r\n"
    requests = {
        "jpeg": (jpeg, "image/jpeg"),
        "turned": (encoded(photograph.rotate(90, expand=True), quality=80), "image/jpeg"),
        "large": (encoded(lesion(2000, 1500), quality=85), "image/jpeg"),
        "png": (encoded(lesion(300, 300), "PNG"), "image/png"),
        "webp": (encoded(lesion(400, 300), "WEBP"), "image/webp"),
        "form": (start + jpeg + end, "multipart/form-data; boundary=edge"),
        "large form": (
            start + _grain() + b"\r\n--edge--\r\n",
            "multipart/form-data; boundary=edge",
        ),
        "truncated": (jpeg[: len(jpeg) // 2], "image/jpeg"),
        "noise": (random.Random(1).randbytes(5000), "image/jpeg"),
        "empty": (b"", "image/jpeg"),
        "text": (b"no image", "text/plain"),
        "json": (b'{"image": 1}', "application/json"),
        "small": (encoded(lesion(16, 16), "PNG"), "image/png"),
        "bomb": (_bomb(), "image/png"),
    }
    # Different pictures, so that a response to another request is noticed.
    for index in range(6):
        colour = (200 - 20 * index, 120, 60 + 25 * index)
        picture = Image.blend(photograph, Image.new("RGB", photograph.size, colour), 0.4)
        requests[f"shade {index}"] = (encoded(picture, quality=90), "image/jpeg")
    return requests


def _grain() -> bytes:
    """A PNG above 500 kB, for which Werkzeug would write a temporary file."""
    side = 450
    noise = random.Random(2).randbytes(3 * side * side)
    return encoded(Image.frombytes("RGB", (side, side), noise), "PNG")


def _bomb() -> bytes:
    buffer = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(buffer, "PNG")
    return buffer.getvalue()


def stable(document: dict[str, Any]) -> str:
    return json.dumps(
        {name: value for name, value in document.items() if name not in VOLATILE}, sort_keys=True
    )


@dataclass
class Tally:
    """sent = answered + refused + wrong + lost; ``cut``: broken connections, which are retried."""

    sent: int = 0
    answered: int = 0
    refused: int = 0
    wrong: int = 0
    lost: int = 0
    cut: int = 0
    seconds: list[float] = field(default_factory=list)
    remarks: Counter[str] = field(default_factory=Counter)
    _lock: Any = field(default_factory=threading.Lock, repr=False)

    def note(self, what: str, remark: str = "", seconds: float | None = None) -> None:
        with self._lock:
            if what != "cut":
                self.sent += 1
            setattr(self, what, getattr(self, what) + 1)
            if seconds is not None:
                self.seconds.append(seconds)
            if remark:
                self.remarks[remark[:200]] += 1

    def add(self, other: "Tally") -> None:
        for name in ("sent", "answered", "refused", "wrong", "lost", "cut"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.seconds += other.seconds
        self.remarks += other.remarks


def ask(port: int, case: Case, tally: Tally, again: int = 0, timeout: float = TIMEOUT_S) -> None:
    """Send a request and classify its response; with ``again``, retry broken connections."""
    started = time.monotonic()
    for attempt in range(again + 1):
        try:
            status, headers, document = post(port, case.body, case.media_type, timeout)
            break
        except (OSError, http.client.HTTPException) as error:
            # A timeout is not a broken connection, and always counts as lost.
            if attempt == again or isinstance(error, TimeoutError):
                tally.note("lost", f"{case.name}: {error!r}")
                return
            tally.note("cut")
            time.sleep(0.2)
        except ValueError as error:
            tally.note("wrong", f"{case.name}: no JSON: {error!r}")
            return
    taken = time.monotonic() - started
    if status == case.status and stable(document) == case.document:
        tally.note("answered", seconds=taken)
    elif status in REFUSALS and "Retry-After" in headers:
        tally.note("refused", seconds=taken)
    else:
        tally.note("wrong", f"{case.name}: {status} {json.dumps(document)[:120]}")


def post(
    port: int, body: bytes, media_type: str, timeout: float = TIMEOUT_S
) -> tuple[int, Any, dict[str, Any]]:
    """Send a POST request; return status, headers and JSON.

    Raises OSError, HTTPException or ValueError.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        # A server may refuse before it has read the whole body.
        with contextlib.suppress(BrokenPipeError):
            connection.request("POST", CLASSIFY, body, {"Content-Type": media_type})
        response = connection.getresponse()
        return response.status, response.headers, json.loads(response.read())
    finally:
        connection.close()


class Crowd:
    """Clients that send requests continuously, in threads, until stopped."""

    def __init__(self, port: int, asked: Sequence[Case], clients: int, again: int = 0) -> None:
        self.tally = Tally()
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._ask, args=(port, list(asked), seed, again))
            for seed in range(clients)
        ]

    def _ask(self, port: int, asked: list[Case], seed: int, again: int) -> None:
        dice = random.Random(seed)
        while not self._stop.is_set():
            ask(port, dice.choice(asked), self.tally, again)

    def __enter__(self) -> Tally:
        for thread in self._threads:
            thread.start()
        return self.tally

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


def at_once(count: int, act: Callable[[int], None]) -> None:
    """Run an action in many threads at the same moment."""
    barrier = threading.Barrier(count)

    def wait_and_act(index: int) -> None:
        barrier.wait()
        act(index)

    threads = [threading.Thread(target=wait_and_act, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


# ---- misbehaving clients -----------------------------------------------------------------


def _head(length: int) -> bytes:
    return (
        f"POST {CLASSIFY} HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\n"
        f"Content-Length: {length}\r\nConnection: close\r\n\r\n"
    ).encode()


def leave_half_way(port: int, case: Case) -> None:
    with socket.create_connection(("127.0.0.1", port), TIMEOUT_S) as client:
        client.sendall(_head(len(case.body)) + case.body[: len(case.body) // 2])


def leave_before_the_answer(port: int, case: Case) -> None:
    with socket.create_connection(("127.0.0.1", port), TIMEOUT_S) as client:
        client.sendall(_head(len(case.body)) + case.body)


def send_slowly(
    port: int, case: Case, seconds: float, tally: Tally, may_be_refused: bool = False
) -> None:
    """Send a request in twenty pieces over some seconds; it must be answered nevertheless.

    ``may_be_refused``: other clients wait for a thread; then 408 is correct too, or a closed
    connection, which a client that is still sending sees as broken.
    """
    pieces = 20
    step = -(-len(case.body) // pieces)
    try:
        with socket.create_connection(("127.0.0.1", port), TIMEOUT_S) as client:
            client.sendall(_head(len(case.body)))
            for start in range(0, len(case.body), step):
                time.sleep(seconds / pieces)
                client.sendall(case.body[start : start + step])
            response = http.client.HTTPResponse(client)
            response.begin()
            document = json.loads(response.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        broken = isinstance(error, BrokenPipeError | ConnectionResetError)
        tally.note("refused" if may_be_refused and broken else "lost", f"sent slowly: {error!r}")
        return
    if may_be_refused and response.status == 408:
        tally.note("refused", "sent slowly: 408")
        return
    right = response.status == case.status and stable(document) == case.document
    tally.note("answered" if right else "wrong", "" if right else f"sent slowly: {response.status}")


GARBAGE = (
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),  # TLS
    b"GET\r\n\r\n",
    b"\x00" * 5000,
    b"POST /v1/classify HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
    b"POST /v1/classify HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"A" * 70_000,
)


def send_garbage(port: int, index: int) -> None:
    with (
        contextlib.suppress(OSError),
        socket.create_connection(("127.0.0.1", port), TIMEOUT_S) as client,
    ):
        client.sendall(GARBAGE[index % len(GARBAGE)])
        client.shutdown(socket.SHUT_WR)
        client.settimeout(10)
        while client.recv(65536):
            pass
