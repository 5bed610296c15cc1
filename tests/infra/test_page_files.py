"""Shared parts of the pages, and their absolute addresses."""

import re
import shutil
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from infra import page_files
from infra.page_files import COPIES, WEB, absolute, shared

ORIGIN = "https://lesionlens.example.org"
PAGES = {name: (WEB / name).read_text() for name in ("index.html", *COPIES)}


@pytest.mark.parametrize("name", COPIES)
def test_header_and_footer_of_a_page_are_those_of_the_first(name: str) -> None:
    assert shared(PAGES[name], PAGES["index.html"], COPIES[name]) == PAGES[name], "make pages"


@pytest.mark.parametrize("name", COPIES)
def test_a_change_of_the_first_page_reaches_the_others(name: str) -> None:
    source = PAGES["index.html"].replace('<a href="model.html"', '<a class="new" href="model.html"')
    source = source.replace("<footer ", '<footer title="new" ')

    page = shared(PAGES[name], source, COPIES[name])

    root = COPIES[name]
    assert f'class="new" href="{root}model.html"' in page
    assert 'title="new"' in page
    # The language switch links to its own page.
    assert page.count('href="?lang=') == 3
    assert shared(page, PAGES["index.html"], root) == PAGES[name]


def test_a_page_without_a_header_is_refused() -> None:
    with pytest.raises(ValueError, match="no <header>"):
        shared("<body></body>", PAGES["index.html"], "")


@pytest.mark.parametrize("name", PAGES)
def test_open_graph_gets_absolute_addresses(name: str) -> None:
    page = absolute(PAGES[name], name, ORIGIN)

    found = dict(re.findall(r'<meta property="(og:[\w:]+)" content="([^"]*)">', page))
    assert found["og:image"] == f"{ORIGIN}/share.jpg"
    address = found.get("og:url")
    assert address == {"index.html": f"{ORIGIN}/", "404.html": None}.get(name, f"{ORIGIN}/{name}")
    assert (WEB / urlsplit(found["og:image"]).path.lstrip("/")).is_file()
    # Nothing else changes.
    rest = re.sub(r'<meta property="og:url"[^>]*>\n', "", page).replace(f"{ORIGIN}/share.jpg", "@")
    assert rest == re.sub(r'"/?share\.jpg"', '"@"', PAGES[name])


def test_a_copy_is_written_for_its_origin(tmp_path: Path) -> None:
    for name in PAGES:
        shutil.copy(WEB / name, tmp_path)

    page_files.main([str(tmp_path), ORIGIN])

    for name, page in PAGES.items():
        assert (tmp_path / name).read_text() == absolute(page, name, ORIGIN)
        assert (WEB / name).read_text() == page
