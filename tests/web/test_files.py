"""The page's files: small, self-contained, nothing inline, relative addresses, nothing stored."""

import json
import re
from pathlib import Path

import pytest

from tests.web.visitor import LANGUAGES, WEB

PAGE = (WEB / "index.html").read_text()
STYLE = (WEB / "style.css").read_text()
REFERENCE = WEB / "reference"  # for partners; no visitor loads it
SCRIPTS = sorted((WEB / "js").glob("*.js"))
MOST_BYTES = 120 * 1024  # one visit, before compression, pictures included


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_visit_is_light(language: str) -> None:
    loaded = [WEB / "index.html", WEB / "style.css", WEB / "icon.svg", WEB / "help.json"]
    loaded += [*SCRIPTS, WEB / "text" / f"{language}.json"]

    assert sum(path.stat().st_size for path in loaded) < MOST_BYTES


def test_nothing_lies_about_unused() -> None:
    files = {str(path.relative_to(WEB)) for path in WEB.rglob("*") if path.is_file()}
    texts = {f"text/{language}.json" for language in LANGUAGES}
    scripts = {f"js/{path.name}" for path in SCRIPTS}

    reference = {f"reference/{path.name}" for path in REFERENCE.iterdir()}

    assert (
        files == {"index.html", "style.css", "icon.svg", "help.json"} | texts | scripts | reference
    )
    everything = PAGE + "".join(path.read_text() for path in SCRIPTS)
    assert [name for name in scripts if Path(name).name not in everything] == []


def test_nothing_is_inline() -> None:
    assert re.findall(r"<style|\sstyle=|\son\w+=|javascript:", PAGE) == []
    assert re.findall(r"<script(?![^>]*\bsrc=)", PAGE) == []


def test_the_page_carries_its_own_policy() -> None:
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', PAGE)

    assert policy is not None
    assert policy[1].startswith("default-src 'none'")
    assert "unsafe" not in policy[1]


def test_addresses_are_relative() -> None:
    addresses = re.findall(r'\b(?:src|action|href)="([^"]*)"', PAGE)
    sources = ["https://doi.org/10.1038/sdata.2018.161"]

    assert [a for a in addresses if re.match(r"\w+:|/", a)] == sources
    for path in SCRIPTS:
        # The one absolute address is the SVG or HTML name of a standard, and there is none.
        assert re.findall(r"https?://", path.read_text()) == [], path.name
    assert re.findall(r"url\(|@import|https?://", STYLE) == []


def test_nothing_is_stored() -> None:
    for path in SCRIPTS:
        stores = r"localStorage|sessionStorage|indexedDB|\.cookie|caches\."
        assert re.findall(stores, path.read_text()) == [], path.name


def test_modules_are_of_one_concept() -> None:
    long = {path.name for path in SCRIPTS if len(path.read_text().splitlines()) > 200}
    assert long == set()


def test_every_way_to_help_names_its_source() -> None:
    for country in json.loads((WEB / "help.json").read_text()):
        assert re.fullmatch(r"[A-Z]{2}", country["country"])
        for way in country["ways"]:
            assert way["kind"] in {"emergency", "line", "telemedicine", "find", "information"}
            assert way["source"].startswith("https://")
            assert way["name"]


def test_every_class_is_described() -> None:
    urgencies = dict(re.findall(r'id="disease-(\w+)" data-urgency="(\w+)"', PAGE))

    assert urgencies.keys() == json.loads((WEB / "text" / "en.json").read_text())["disease"].keys()
    assert urgencies["mel"] == "soon"
    assert {urgencies["bcc"], urgencies["akiec"]} == {"appointment"}
