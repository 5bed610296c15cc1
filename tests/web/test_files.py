"""Static checks of the page's files: size, no inline code, relative addresses, no storage."""

import json
import re
from typing import Any

import pytest
from PIL import Image

from tests.web.visitor import LANGUAGES, WEB
from training.data import dataset

NAMES = ("index", "without", "model", "404")
PAGES = {name: (WEB / f"{name}.html").read_text() for name in NAMES}
STYLE = "".join((WEB / name).read_text() for name in ("style.css", "answer.css"))
PARTNERS = {WEB / "reference", WEB / "client"}  # no visitor loads it
# The code of the check on the device, and the service worker for offline use.
DEVICE = sorted([*(WEB / "device").glob("*.js"), *WEB.glob("*.js")])
SCRIPTS = sorted((WEB / "js").glob("*.js")) + DEVICE
EXAMPLES = sorted((WEB / "examples").glob("*.jpg"))
TEXTS = sorted((WEB / "text").rglob("*.json"))
MOST_BYTES = 150 * 1024  # the first visit, before compression, pictures included


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_first_visit_is_light(browser: Any, site: str, language: str) -> None:
    page = browser.new_page()
    loaded: dict[str, int] = {}
    page.on("response", lambda r: loaded.update({r.url: len(r.body())}) if r.ok else None)

    page.goto(f"{site}/?lang={language}")
    page.wait_for_selector("#countries details")
    page.wait_for_load_state("networkidle")
    page.close()

    assert sum(loaded.values()) < MOST_BYTES, loaded
    assert len(loaded) > 10


def test_every_file_is_used() -> None:
    everything = "".join([*PAGES.values(), *(path.read_text() for path in SCRIPTS)])
    everything += (WEB / "manifest.webmanifest").read_text()
    files = [path for path in WEB.rglob("*") if path.is_file() and not PARTNERS & {*path.parents}]

    unused = {
        str(path.relative_to(WEB))
        for path in files
        if path.suffix not in (".md", ".json", ".c") and path.name not in everything
    }
    assert unused == {"404.html"}
    parts = {path.parent.name for path in TEXTS} - {"text"}
    assert all(f'learn("{part}")' in everything or f'data-texts="{part}"' in everything
               for part in parts)  # fmt: skip


def test_examples_are_those_kept_out_of_training_and_are_credited() -> None:
    names = {path.stem for path in EXAMPLES}
    credit = (WEB / "examples" / "README.md").read_text()

    assert names == set(dataset.EXAMPLES)
    assert set(re.findall(r'data-example="(\w+)"', PAGES["index"])) == names
    for path in EXAMPLES:
        assert path.stem in credit
        assert path.stat().st_size < 12 * 1024
        with Image.open(path) as image:
            assert not image.getexif()
            assert min(image.size) >= 224


def test_icons_are_as_large_as_the_manifest_says() -> None:
    manifest = json.loads((WEB / "manifest.webmanifest").read_text())

    for icon in manifest["icons"]:
        if icon["type"] == "image/png":
            with Image.open(WEB / icon["src"]) as image:
                assert "x".join(map(str, image.size)) == icon["sizes"]
    assert {icon["sizes"] for icon in manifest["icons"]} >= {"192x192", "512x512"}
    for page in PAGES.values():
        for name in ("og:title", "og:description", "og:image", "og:image:alt", "og:type"):
            assert f'property="{name}"' in page
        assert 'rel="manifest"' in page
        assert 'rel="apple-touch-icon"' in page


def test_nothing_is_inline() -> None:
    for page in PAGES.values():
        assert re.findall(r"<style|\sstyle=|\son\w+=|javascript:", page) == []
        assert re.findall(r"<script(?![^>]*\bsrc=)", page) == []
        # The policy is a response header: one file, for the function and for the load balancer.
        assert "Content-Security-Policy" not in page


def test_addresses_are_relative() -> None:
    sources = {"https://doi.org/10.1038/sdata.2018.161"}
    for name, page in PAGES.items():
        addresses = re.findall(r'\b(?:src|action|href)="([^"]*)"', page)
        absolute = {a for a in addresses if re.match(r"\w+:|//", a)}
        assert absolute == (sources if name == "model" else set())
        assert name == "404" or [a for a in addresses if a.startswith("/")] == []
    for path in SCRIPTS:
        assert re.findall(r"https?://", path.read_text()) == [], path.name
    assert re.findall(r"url\(|@import|https?://", STYLE) == []


def test_nothing_is_stored_but_page_and_release_for_who_asked() -> None:
    stores = r"localStorage|sessionStorage|indexedDB|\.cookie|caches\."
    storing = {path.name for path in SCRIPTS if re.search(stores, path.read_text())}
    assert storing == {"kept.js", "sw.js"}


def test_modules_have_at_most_200_lines() -> None:
    long = {path.name for path in SCRIPTS if len(path.read_text().splitlines()) > 200}
    assert long == set()


def test_every_way_to_help_names_its_source() -> None:
    for country in json.loads((WEB / "help.json").read_text()):
        assert country["zones"]
        assert re.fullmatch(r"[A-Z]{2}", country["country"])
        for way in country["ways"]:
            assert way["kind"] in {"emergency", "line", "telemedicine", "find", "information"}
            assert way["source"].startswith("https://")
            assert way["name"]


def test_every_class_is_described() -> None:
    urgencies = dict(re.findall(r'id="disease-(\w+)" data-urgency="(\w+)"', PAGES["index"]))

    assert urgencies.keys() == json.loads((WEB / "text" / "en.json").read_text())["disease"].keys()
    # Each has a drawing.
    assert len(re.findall(r'<summary><svg class="ll-draw"', PAGES["index"])) == len(urgencies)
    assert urgencies["mel"] == "soon"
    assert {urgencies["bcc"], urgencies["akiec"]} == {"appointment"}
