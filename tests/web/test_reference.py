"""The reference for partners: its examples run, its client works, and everybody can read it."""

import html
import http.server
import importlib.util
import json
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from lesionlens.api import keys, parameters
from lesionlens.api.rate import Rate
from tests import server
from tests.pictures import JPEG, encoded, lesion
from tests.web.visitor import WEB, faults, picture_of

REFERENCE = WEB / "reference"
PAGE = (REFERENCE / "index.html").read_text()
CLIENT = REFERENCE / "lesionlens_client.py"
EXAMPLES = {
    name: html.unescape(text)
    for name, text in re.findall(r'data-example="(\w+)">(.*?)</code>', PAGE, re.DOTALL)
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[server.Server, str]]:
    """The real server with the page, and a partner's key for it."""
    text, key = keys.create("Example Clinic", Rate(500, "hour"), 16, date(2999, 1, 1))
    log = tmp_path_factory.mktemp("service") / "log.txt"
    document = json.dumps({"keys": [keys._entry(key)]})
    with server.running(log, WEB_DIR=str(WEB), API_KEYS=document) as serving:
        assert serving.get("/ready")[0] == 200
        yield serving, text


@pytest.fixture(scope="module")
def client_module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("lesionlens_client", CLIENT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_run(service: tuple[server.Server, str], tmp_path: Path, name: str) -> None:
    serving, key = service
    program = EXAMPLES[name].replace("https://lesionlens.example", serving.url).replace("KEY", key)
    (tmp_path / "lesion.jpg").write_bytes(JPEG)
    (tmp_path / "other.jpg").write_bytes(JPEG[:9000])
    shutil.copy(CLIENT, tmp_path)
    command = {
        "curl": ("bash", "-c", program),
        "options": ("bash", "-c", program),
        "python": (sys.executable, "-c", program),
        "javascript": ("node", "--input-type=module", "-e", program),
    }[name]
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "threshold" in done.stdout
    if name == "options":
        answer = json.loads(done.stdout)
        assert (answer["views"], answer["prior"]["name"]) == (4, "dataset")
    if name == "python":
        assert "0 {'probability'" in done.stdout
        assert "1 The image file ends too early" in done.stdout
    assert '"partner": "Example Clinic"' in serving.log.read_text()


def test_the_client_answers_and_refuses(
    service: tuple[server.Server, str], client_module: ModuleType
) -> None:
    serving, key = service
    client = client_module.Client(serving.url, key)
    assert client.classify(JPEG, explain="true")["explanation"]["label"]
    sizes = [entry["result"]["input"]["width"] for entry in client.batch(
        [JPEG, encoded(lesion(90, 80))])]  # fmt: skip
    assert sizes[1] == 90
    assert len(client.labels()) == 7
    assert client.model()["notice"].startswith("Not a medical diagnosis")
    with pytest.raises(client_module.ProblemError) as refused:
        client.classify(JPEG[:9000])
    assert refused.value.problem["status"] == 422
    with pytest.raises(client_module.ProblemError, match="401 Unauthorized"):
        client_module.Client(serving.url, "ll_wrong").labels()


@contextmanager
def answering(*answers: tuple[int, dict[str, str], bytes]) -> Iterator[tuple[str, list[Any]]]:
    """A server that gives these answers, one after the other; and the headers that it got."""
    asked: list[Any] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            status, headers, body = answers[len(asked)]
            asked.append(self.headers)
            if not status:
                self.close_connection = True
                return
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{listening.server_port}", asked
        listening.shutdown()
        thread.join()


def test_the_client_repeats_under_one_key_and_waits_as_told(
    client_module: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(client_module.time, "sleep", waits.append)
    busy, limit = (503, {"Retry-After": "5"}, b"<html>"), (429, {"Retry-After": "7"}, b"{}")
    lost: tuple[int, dict[str, str], bytes] = (0, {}, b"")
    with answering(busy, lost, limit, (200, {}, b'{"a": 1}')) as (address, asked):
        assert client_module.Client(address).classify(JPEG) == {"a": 1}
    assert waits == [5, 2, 7]
    assert len({headers["Idempotency-Key"] for headers in asked}) == 1


@pytest.mark.parametrize("wait", ["0", "3600"])
def test_the_client_gives_up(
    client_module: ModuleType, monkeypatch: pytest.MonkeyPatch, wait: str
) -> None:
    monkeypatch.setattr(client_module.time, "sleep", lambda _: None)
    with (
        answering(*[(429, {"Retry-After": wait}, b"{}")] * 9) as (address, asked),
        pytest.raises(client_module.ProblemError),
    ):
        client_module.Client(address).classify(JPEG)
    # What would take an hour is not waited for.
    assert len(asked) == (1 if wait == "3600" else client_module.TRIES)


def test_an_example_has_options_and_the_page_says_how_to_get_a_key() -> None:
    said = html.unescape(re.sub(r"<[^>]+>", "", PAGE))
    for name in (parameters.VIEWS, parameters.PRIOR):
        assert f"{name}=" in EXAMPLES["options"]
    assert "How to get a key: ask the operator" in said


def test_the_reference_is_self_contained() -> None:
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', PAGE)
    assert policy is not None
    assert policy[1].startswith("default-src 'none'")
    assert "unsafe" not in policy[1]
    assert re.findall(r"<style|\sstyle=|\son\w+=|javascript:|<script(?![^>]*\bsrc=)", PAGE) == []
    for address in re.findall(r'\b(?:src|href)="([^"]*)"', PAGE):
        assert re.match(r"\w+:|/", address) is None
        assert address.startswith("#") or address == "../openapi.json" or (
            (REFERENCE / address).is_file()
        )  # fmt: skip
    assert sum(path.stat().st_size for path in REFERENCE.iterdir()) < 40_000


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_read_it(visit: Any, scheme: str) -> None:
    page = visit(
        "/reference/index.html",
        ready=False,
        viewport={"width": 320, "height": 700},
        color_scheme=scheme,
    )
    page.wait_for_selector("#loading", state="hidden")
    shown = page.inner_text("#reference")
    document = json.loads((WEB.parent / "function" / "openapi.json").read_text())
    for path, item in document["paths"].items():
        for method in item.keys() - {"parameters"}:
            assert f"{method.upper()} {path}" in shown
    assert "Idempotency-Key" in shown
    # The examples name the address that the page came from.
    assert "lesionlens.example" not in page.inner_text("[data-example=curl]")
    page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true })")
    assert "too-many-requests" in page.content() or "limit is used up" in page.content()
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    assert faults(page) == []
    picture_of(page, f"reference-{scheme}")
