"""Room for so many pixels: with threads that hold it, and with large images in a real server."""

import contextlib
import http.client
import json
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from PIL import Image

from lesionlens.errors import Overloaded
from lesionlens.imaging import decode
from lesionlens.imaging.decode_budget import DecodeBudget
from tests import server
from tests.pictures import encoded


class Holder:
    """A thread that asks for room and holds it until it is told to leave."""

    def __init__(self, budget: DecodeBudget, pixels: int) -> None:
        self.inside, self._leave = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, args=(budget, pixels), daemon=True)
        self._thread.start()

    def _run(self, budget: DecodeBudget, pixels: int) -> None:
        with budget.take(pixels):
            self.inside.set()
            self._leave.wait(30)

    def leave(self) -> None:
        self._leave.set()
        self._thread.join(30)


def in_line(budget: DecodeBudget, number: int) -> None:
    """Return when so many are waiting."""
    deadline = time.monotonic() + 30
    while len(budget._line) != number:
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_what_fits_enters_side_by_side() -> None:
    budget = DecodeBudget(100)
    with budget.take(60), budget.take(40):
        pass


def test_what_is_larger_than_the_room_enters_alone() -> None:
    budget = DecodeBudget(100, waiting=0)
    with budget.take(1000), pytest.raises(Overloaded, match="being decoded and waiting"):
        budget.take(1).__enter__()
    with budget.take(1):
        pass


def test_who_waits_too_long_is_sent_away_and_leaves_no_trace() -> None:
    budget = DecodeBudget(100, patience_s=0.01)
    with budget.take(100), pytest.raises(Overloaded, match=r"waited 0.01 s for others"):
        budget.take(1).__enter__()
    with budget.take(100):
        pass


def test_the_line_is_bounded_and_served_in_its_order() -> None:
    budget = DecodeBudget(100, waiting=2, patience_s=30)
    first = Holder(budget, 60)
    assert first.inside.wait(30)
    large = Holder(budget, 50)
    in_line(budget, 1)
    # It would fit beside the first, but not before who came earlier.
    small = Holder(budget, 40)
    in_line(budget, 2)
    assert not small.inside.is_set()
    with pytest.raises(Overloaded):
        budget.take(1).__enter__()
    first.leave()
    assert large.inside.wait(30)
    assert small.inside.wait(30)
    large.leave()
    small.leave()


def test_an_error_inside_gives_the_room_back() -> None:
    budget = DecodeBudget(100, waiting=0)
    with pytest.raises(ZeroDivisionError), budget.take(100):
        _ = 1 / 0
    with budget.take(100):
        pass


def test_an_image_takes_the_room_of_all_of_its_pixels() -> None:
    budget = DecodeBudget(500 * 500, waiting=0)
    data = encoded(Image.new("RGB", (500, 500)), "PNG")
    assert decode.decode(data, budget=budget).width == 500
    with budget.take(1), pytest.raises(Overloaded):
        decode.decode(data, budget=budget)


def test_many_large_images_at_once_take_bounded_memory(tmp_path: Path) -> None:
    """24 images of 25 megapixels, a hundred megabytes each once decoded, at the same time."""
    data = encoded(Image.new("RGB", (5000, 5000)), "PNG")
    with server.running(tmp_path / "log.txt", THREADS="24", PRELOAD_MODEL="1") as serving:
        assert serving.get("/ready")[0] == 200
        before, held = memory(serving, PEAK), memory(serving, HELD)

        def post(_: int) -> tuple[int, str | None, str]:
            client = http.client.HTTPConnection(urlsplit(serving.url).netloc, timeout=120)
            with contextlib.closing(client) as connection:
                connection.request("POST", "/v1/classify", data, {"Content-Type": "image/png"})
                response = connection.getresponse()
                answer = json.loads(response.read())
            return response.status, response.headers["Retry-After"], answer.get("type", "")

        with ThreadPoolExecutor(24) as pool:
            answers = set(pool.map(post, range(24)))
        assert answers == {(200, None, ""), (503, "5", "/problems/overloaded")}
        assert serving.classify(data, "image/png")[0] == 200
        assert memory(serving, PEAK) - before < 400
        # And goes back to the system.
        assert memory(serving, HELD) - held < 60


PEAK, HELD = "VmHWM", "VmRSS"


def memory(serving: server.Server, what: str) -> float:
    """The memory that the server's processes hold, or held at most, in megabytes."""
    total = 0
    for process in serving.processes():
        status = Path(f"/proc/{process}/status").read_text()
        total += int(re.search(rf"{what}:\s+(\d+) kB", status)[1])
    return total / 1024
