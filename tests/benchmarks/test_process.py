"""Process trees are measured and ended as a whole."""

import sys
import time
from pathlib import Path

import pytest

from tests.benchmarks import process

# A parent and a child with 30 MiB of private memory each, and a server in the child.
SERVER = """
import os, sys, http.server, time
held = bytearray(os.urandom(1024)) * (30 * 1024)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(500 if self.path == "/broken" else 200)
        self.end_headers()
        self.wfile.write(b'{"pid": %d}' % os.getpid())
    def log_message(self, *_): pass
if os.fork():
    held = held[:]
    time.sleep(600)
held = held[:]
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


@pytest.mark.alone
def test_the_whole_tree_is_measured_and_ended(tmp_path: Path) -> None:
    command = (sys.executable, "-c", SERVER, "{port}")
    with process.running(command, {}, tmp_path / "log.txt") as server:
        seconds = server.first("/")
        child = server.ask("/")[1]["pid"]
        assert sorted(server.pids()) == sorted({server.pid, child})
        assert server.threads() == 2
        assert server.descriptors() >= 6
        with process.peak(server.pss_mib) as samples:
            pass
        assert 60 < max(samples) < 200
        assert 0 < seconds < process.START_S
        with pytest.raises(RuntimeError, match="/broken answered 500"):
            server.first("/broken")
    # Killed processes disappear after a moment.
    deadline = time.monotonic() + 10
    while server.pids() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert server.pids() == []


def test_a_server_that_fails_says_why(tmp_path: Path) -> None:
    command = (sys.executable, "-c", "raise SystemExit('no model here')")
    with (
        process.running(command, {}, tmp_path / "log.txt") as server,
        pytest.raises(RuntimeError, match="no model here"),
    ):
        server.first("/")


def test_settings_of_this_machine_do_not_reach_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEL_URI", "gs://elsewhere/models")
    monkeypatch.setenv("THREADS", "1")
    report = "import os; print(sorted({'MODEL_URI', 'THREADS', 'GIVEN'} & set(os.environ)))"
    log = tmp_path / "log.txt"
    with process.running((sys.executable, "-c", report), {"GIVEN": "1"}, log) as server:
        server.process.wait()
    assert log.read_text().strip() == "['GIVEN']"
