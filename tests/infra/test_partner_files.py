"""What partners get is as it would be made now: the feed of changes and the table of errors."""

import xml.etree.ElementTree as ElementTree

import pytest

from infra import partner_files
from infra.partner_files import ATOM, error_table, feed, versions
from tests.conftest import ROOT

REFERENCE = ROOT / "web" / "reference"
CHANGELOG = """# Changelog

## [Unreleased]

### Added
- A field `views`, which
  is **new** & <small>.

## [1.1.0] - 2027-01-02

### Fixed
- One.
- Another.

## [1.0.0] - 2026-12-01

### Added
- All.
"""


def entries(text: str) -> list[dict[str, str]]:
    found = ElementTree.fromstring(text).iter(f"{{{ATOM}}}entry")
    return [{part.tag.rpartition("}")[2]: part.text or "" for part in entry} for entry in found]


def test_each_version_is_an_entry() -> None:
    unreleased, newer, older = entries(feed(CHANGELOG, "", "2027-02-03"))
    assert unreleased["title"] == "Not released yet"
    assert unreleased["updated"] == "2027-02-03T00:00:00Z"
    assert unreleased["content"] == (
        "<h3>Added</h3><ul><li>A field <code>views</code>, which is <strong>new</strong> &amp; "
        "&lt;small&gt;.</li></ul>"
    )
    assert (newer["id"], newer["updated"]) == (
        "urn:lesionlens:changes:1.1.0",
        "2027-01-02T00:00:00Z",
    )
    assert newer["content"] == "<h3>Fixed</h3><ul><li>One.</li><li>Another.</li></ul>"
    assert older["title"] == "Version 1.0.0"
    assert len({entry["id"] for entry in (unreleased, newer, older)}) == 3


def test_the_feed_has_what_atom_requires() -> None:
    root = ElementTree.fromstring(feed(CHANGELOG, "", "2027-02-03"))
    for name in ("id", "title", "updated", "author", "link"):
        assert root.find(f"{{{ATOM}}}{name}") is not None
    assert root.findtext(f"{{{ATOM}}}updated") == "2027-02-03T00:00:00Z"


def test_a_day_stays_as_long_as_the_text() -> None:
    before = feed(CHANGELOG, "", "2027-02-03")
    assert feed(CHANGELOG, before, "2027-05-05") == before
    changed = feed(CHANGELOG.replace("views", "prior"), before, "2027-05-05")
    assert entries(changed)[0]["updated"] == "2027-05-05T00:00:00Z"
    assert entries(changed)[1:] == entries(before)[1:]


def test_the_feed_is_that_of_the_changelog() -> None:
    """The versions that are out; what is not changes with each commit."""
    changelog, shown = (ROOT / "CHANGELOG.md").read_text(), (REFERENCE / "changes.atom").read_text()
    fresh = feed(changelog, shown, "")
    days = {version.name.lower(): version.day for version in versions(changelog)}
    assert days
    found = [
        [entry for entry in entries(text) if days.get(entry["id"].rpartition(":")[2], True)]
        for text in (shown, fresh)
    ]
    assert found[0] == found[1]
    assert [entry["id"] for entry in entries(shown)] == [entry["id"] for entry in entries(fresh)]


def test_the_table_of_errors_is_that_of_the_code() -> None:
    page = (REFERENCE / "index.html").read_text()
    (shown,) = partner_files.MARKS.findall(page)
    assert shown == error_table(), "run `make partners`"


def test_nothing_unreleased_is_no_entry() -> None:
    (version,) = versions("## [Unreleased]\n\n## [1.0.0] - 2026-12-01\n\n### Added\n- All.\n")
    assert version.name == "1.0.0"


@pytest.mark.parametrize("heading", ["## [1.0] - 2026-12-01", "## 1.0.0", "# [1.0.0] - 2026-12-01"])
def test_another_heading_is_no_version(heading: str) -> None:
    assert versions(f"{heading}\n\n### Added\n- All.\n") == []
