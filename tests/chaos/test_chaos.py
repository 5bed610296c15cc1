"""The scenarios on a small scale, and tests of their clients."""

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.benchmarks import process
from tests.chaos import clients, report, scenarios
from tests.chaos.__main__ import REPORT, attack
from tests.chaos.clients import Case, Tally
from tests.chaos.gate import Gate
from tests.chaos.scenarios import SHORT, Found, Sizes


@pytest.mark.alone
@pytest.mark.slow
def test_the_service_holds_under_attack() -> None:
    everything = list(attack(Sizes(soak_s=60, patience=8.0)))
    assert len(everything) == len(scenarios.ALL)
    for found in everything:
        print(report.line(found))
    failures = {found.name: found.failures for found in everything if found.failures}
    assert failures == {}
    if skipped := [found.skipped for found in everything if found.skipped]:
        pytest.skip("; ".join(skipped))


# ---- the clients --------------------------------------------------------------------------------

CASE = Case("x", b"body", "image/jpeg", 200, json.dumps({"label": "nv"}))


class _Odd(http.server.BaseHTTPRequestHandler):
    """Responds as the request's media type demands."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        how = self.headers["Content-Type"]
        if how == "break":
            self.connection.close()
            return
        self.send_response({"refuse": 503, "rudely": 503}.get(how, 200))
        if how == "refuse":
            self.send_header("Retry-After", "1")
        self.end_headers()
        label = "mel" if how == "lie" else "nv"
        self.wfile.write(json.dumps({"label": label, "request_id": how}).encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def odd() -> Iterator[int]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Odd)
    # It closes connections itself.
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize(
    ("how", "counted"),
    [
        ("image/jpeg", "answered"),
        ("lie", "wrong"),
        ("refuse", "refused"),
        ("rudely", "wrong"),
        ("break", "lost"),
    ],
)
def test_every_answer_is_accounted_for(odd: int, how: str, counted: str) -> None:
    tally = Tally()
    clients.ask(odd, Case("x", b"body", how, CASE.status, CASE.document), tally, again=1)
    assert (tally.sent, getattr(tally, counted)) == (1, 1)
    assert tally.answered + tally.refused + tally.wrong + tally.lost == 1
    assert tally.cut == (how == "break")


def test_the_expected_answers_are_good_and_bad_ones() -> None:
    found = {case.name: case for case in clients.cases()}
    assert {case.status for case in found.values()} == {200, 400, 415, 422}
    documents = [case.document for case in clients.good(list(found.values()))]
    # A response to another request is noticed.
    shades = {case.document for name, case in found.items() if name.startswith("shade")}
    assert len(shades) == 6
    assert all("request_id" not in document for document in documents)


def test_a_gate_passes_on_and_breaks_off(odd: int) -> None:
    with Gate(f"http://127.0.0.1:{odd}") as gate:
        port = int(gate.url.rpartition(":")[2])
        tally = Tally()
        clients.ask(port, CASE, tally)
        gate.cut(after=10)
        clients.ask(port, CASE, tally)
        assert (tally.answered, tally.lost) == (1, 1)


@pytest.mark.alone
def test_a_scenario_that_loses_a_request_fails(tmp_path: Path) -> None:
    def losing(place: scenarios.Place) -> Found:
        found = Found("losing")
        found.tally.note("lost", "x: gone")
        found.expect(True, "a fact")
        return found

    found = scenarios.run(losing, scenarios.Place(tmp_path, [], SHORT))
    assert found.failures == ["1 lost", "1× x: gone"]
    assert report.line(found).startswith("FAILED")
    machine = dict.fromkeys(("date", "commit", "processor", "cores", "python"), "?")
    assert "**1 scenarios failed.**" in report.render([found], machine)


def test_the_report_in_the_repository_tells_of_no_failure() -> None:
    if REPORT.is_file():
        assert "Everything held." in REPORT.read_text()
        assert "skipped" not in REPORT.read_text()


@pytest.mark.alone
def test_processes_of_an_attack_end(tmp_path: Path) -> None:
    with scenarios.Place(tmp_path, [], SHORT).server() as server:
        server.first("/health")
        assert len(server.pids()) == 3  # gunicorn's two processes, and the decoders' fork server
    assert process.Running.pids(server) == []
