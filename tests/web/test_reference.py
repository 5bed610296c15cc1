"""The reference for partners: examples, client, limits, accessibility."""

import html
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from lesionlens.api import keyring, parameters
from lesionlens.api.problem_types import all_types
from lesionlens.api.rate import Rate
from lesionlens.api.response_headers import ENDINGS
from lesionlens.imaging import sizes
from lesionlens.settings import Settings
from tests import server
from tests.pictures import JPEG
from tests.web.visitor import WEB, faults, picture_of

REFERENCE = WEB / "reference"
PAGE = (REFERENCE / "index.html").read_text()
EXAMPLES = {
    name: html.unescape(text)
    for name, text in re.findall(r'data-example="(\w+)">(.*?)</code>', PAGE, re.DOTALL)
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[server.Server, str]]:
    """The real server with the page, and a partner's key for it."""
    text, key = keyring.create("Example Clinic", Rate(500, "hour"), 16, date(2999, 1, 1))
    log = tmp_path_factory.mktemp("service") / "log.txt"
    document = keyring.document([key])
    with server.running(log, WEB_DIR=str(WEB), API_KEYS=document) as serving:
        assert serving.get("/ready")[0] == 200
        yield serving, text


@pytest.fixture(scope="module")
def packages(service: tuple[server.Server, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the client, installed from the service as the page describes."""
    folder = tmp_path_factory.mktemp("packages")
    command = EXAMPLES["install"].replace("https://lesionlens.example", service[0].url).split()
    options = ("--quiet", "--no-deps", "--no-index", "--target", str(folder))
    subprocess.run([sys.executable, "-m", *command, *options], check=True, timeout=120)
    return folder


# Output of each example.
PRINTED = {
    "curl": ['"threshold"'],
    "options": ['"views":4', '"name":"dataset"'],
    "python": ["'threshold'", "0 {'probability'", "1 The image file ends too early"],
    "javascript": ["threshold"],
    "lines": ['{"index":0,"result"', '{"index":1,"problem"'],
    "record": ['"resourceType":"DiagnosticReport"', '"Patient/123"', '"4711"'],
}


def test_every_example_is_run() -> None:
    assert EXAMPLES.keys() == PRINTED.keys() | {"install"}


@pytest.mark.parametrize("name", PRINTED)
def test_the_examples_run(
    service: tuple[server.Server, str], packages: Path, tmp_path: Path, name: str
) -> None:
    serving, key = service
    program = EXAMPLES[name].replace("https://lesionlens.example", serving.url).replace("KEY", key)
    (tmp_path / "lesion.jpg").write_bytes(JPEG)
    (tmp_path / "other.jpg").write_bytes(JPEG[:9000])
    command = {
        "python": (sys.executable, "-c", program),
        "javascript": ("node", "--input-type=module", "-e", program),
    }.get(name, ("bash", "-c", program))
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    path = {"PYTHONPATH": str(packages)}
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, **path}, capture_output=True, text=True,
        timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for printed in PRINTED[name]:
        assert printed in done.stdout
    assert '"partner": "Example Clinic"' in serving.log.read_text()


def test_an_example_has_options_and_the_page_says_how_to_get_a_key() -> None:
    said = html.unescape(re.sub(r"<[^>]+>", "", PAGE))
    for name in (parameters.VIEWS, parameters.PRIOR):
        assert f"{name}=" in EXAMPLES["options"]
    assert "How to get a key: ask the operator" in said


@pytest.mark.parametrize(
    "limit",
    [
        f"{Settings.max_upload_bytes} bytes",
        f"{Settings.batch_images} images",
        f"{Settings.upload_seconds} seconds",
        f"{sizes.MIN_SIDE} pixels a side",
        f"{sizes.MAX_PIXELS['JPEG'] / 1e6:.0f} megapixels as a baseline JPEG",
        f"{sizes.MAX_PIXELS['WEBP'] / 1e6:.0f} as WebP and {sizes.MAX_OTHER_PIXELS / 1e6:.0f}",
    ],
)
def test_it_has_the_limits(limit: str) -> None:
    assert limit in PAGE


def test_it_says_whether_something_ends() -> None:
    assert ("none is now" in PAGE) is (not ENDINGS)


def test_the_reference_is_self_contained() -> None:
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', PAGE)
    assert policy is not None
    assert policy[1].startswith("default-src 'none'")
    assert "unsafe" not in policy[1]
    assert re.findall(r"<style|\sstyle=|\son\w+=|javascript:|<script(?![^>]*\bsrc=)", PAGE) == []
    for address in re.findall(r'\b(?:src|href)="([^"]*)"', PAGE):
        assert re.match(r"\w+:|/", address) is None
        if address.startswith("#"):
            assert f'id="{address[1:]}"' in PAGE
        elif address not in ("../openapi.json", "../health", "../ready"):
            slug = address.removeprefix("../problems/")
            assert slug in all_types() or (REFERENCE / address).is_file(), address


@pytest.mark.parametrize("path", ["/problems", "/problems/too-many-requests"])
def test_everybody_can_read_what_a_problem_means(visit: Any, path: str) -> None:
    page = visit(path, ready=False, viewport={"width": 320, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    assert faults(page) == []
    picture_of(page, path.strip("/").replace("/", "-"))


@pytest.mark.slow
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
    # The examples contain the address of the page.
    assert "lesionlens.example" not in page.inner_text("[data-example=curl]")
    page.wait_for_function("document.querySelector('#now').textContent.startsWith('Now: ready')")
    page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true })")
    assert "too-many-requests" in page.content() or "limit is used up" in page.content()
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    assert faults(page) == []
    picture_of(page, f"reference-{scheme}")
