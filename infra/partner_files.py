"""Write what partners get and what is made from other files: feed, table of errors, Python client.

    python infra/partner_files.py [FOLDER]

CHANGELOG.md becomes FOLDER/changes.atom, `lesionlens.api.problem_types` the table in
FOLDER/index.html, and web/client a wheel in FOLDER, which is web/reference by default.
"""

import html
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ATOM = "http://www.w3.org/2005/Atom"
MARKS = re.compile(r"(?<=<!-- errors -->\n).*?(?=<!-- /errors -->)", re.DOTALL)
SECTION = re.compile(
    r"^## \[(Unreleased|\d+\.\d+\.\d+)\](?: - (\d{4}-\d\d-\d\d))?\n(.*?)(?=^## |\Z)", re.M | re.S
)


@dataclass(frozen=True)
class Version:
    """A version in the changelog."""

    name: str
    day: str  # empty of what is not out yet
    changes: str  # Markdown


def versions(changelog: str) -> list[Version]:
    """Return what is in a changelog (keepachangelog.com), newest first, without empty versions."""
    return [Version(*match) for match in SECTION.findall(changelog) if match[2].strip()]


def feed(changelog: str, before: str, today: str) -> str:
    """Return the changes as Atom (RFC 4287), with an entry for each version.

    What is not out yet is as new as its text: the day stays that of the feed ``before`` as long as
    the text is the same.
    """
    entries = {
        entry.findtext(f"{{{ATOM}}}content"): entry.findtext(f"{{{ATOM}}}updated")
        for entry in _parsed(before).iter(f"{{{ATOM}}}entry")
    }
    ElementTree.register_namespace("", ATOM)
    root = ElementTree.Element(f"{{{ATOM}}}feed")
    _element(root, "id", "urn:lesionlens:changes")
    _element(root, "title", "LesionLens: changes for partners")
    newest = _element(root, "updated")
    _element(_element(root, "author"), "name", "LesionLens")
    _element(root, "link", rel="self", href="changes.atom")
    for version in versions(changelog):
        content = _as_html(version.changes)
        day = f"{version.day or today}T00:00:00Z"
        entry = _element(root, "entry")
        _element(entry, "id", f"urn:lesionlens:changes:{version.name.lower()}")
        _element(entry, "title", f"Version {version.name}" if version.day else "Not released yet")
        updated = day if version.day else entries.get(content) or day
        _element(entry, "updated", updated)
        newest.text = newest.text or updated
        _element(entry, "link", rel="alternate", href="index.html#versions")
        _element(entry, "content", content, type="html")
    ElementTree.indent(root)
    return ElementTree.tostring(root, "unicode", xml_declaration=True) + "\n"


def _parsed(text: str) -> ElementTree.Element:
    # A file of the repository.
    return ElementTree.fromstring(text) if text else ElementTree.Element("none")  # noqa: S314


def _element(
    parent: ElementTree.Element, name: str, text: str | None = None, **attributes: str
) -> ElementTree.Element:
    made = ElementTree.SubElement(parent, f"{{{ATOM}}}{name}", attributes)
    made.text = text
    return made


def _as_html(markdown: str) -> str:
    """Headings, lists and code, which is all that the changelog is written with."""
    written = []
    for part in re.split(r"^### (.*)\n", markdown, flags=re.M)[1:]:
        items = re.split(r"^- ", part, flags=re.M)
        if len(items) == 1:
            written.append(f"<h3>{html.escape(part.strip())}</h3>")
        else:
            lines = (" ".join(item.split()) for item in items[1:])
            written.append(
                "<ul>" + "".join(f"<li>{_inline(line)}</li>" for line in lines) + "</ul>"
            )
    return "".join(written)


def _inline(text: str) -> str:
    escaped = html.escape(text, quote=False)
    escaped = re.sub(r"`([^`]+)`", r"<code>\1</code>", escaped)
    return re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", escaped)


def error_table() -> str:
    """Return every problem type with what it means and what to do, as a table."""
    from lesionlens.api.problem_types import all_types

    rows = [
        f'<tr><th scope="row"><a href="../problems/{kind.slug}">{kind.status} {kind.title}</a></th>'
        f'<td data-head="Means">{html.escape(kind.advice.means, quote=False)}</td>'
        f'<td data-head="What to do">{html.escape(kind.advice.remedy, quote=False)}</td>'
        f'<td data-head="Again as it is?">{kind.advice.again}</td></tr>'
        for kind in all_types().values()
    ]
    head = "".join(
        f'<th scope="col">{name}</th>'
        for name in ("Error", "Means", "What to do", "Again as it is?")
    )
    return (
        '  <div class="ll-table--cards ll-errors"><table>\n'
        f"    <thead><tr>{head}</tr></thead>\n    <tbody>\n      "
        + "\n      ".join(rows)
        + "\n    </tbody>\n  </table></div>\n"
    )


def build_wheel(folder: Path) -> None:
    """Build the client's wheel into a folder, in place of older ones."""
    for old in folder.glob("lesionlens_client-*.whl"):
        old.unlink()
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or "uv"
    command = (uv, "build", "--quiet", "--offline", "--wheel", "--no-create-gitignore")
    subprocess.run([*command, "--out-dir", folder, ROOT / "web" / "client"], check=True)


def main(arguments: Sequence[str]) -> None:
    """Write partners' files into the given folder, or into that of the page."""
    folder = Path(arguments[0]) if arguments else ROOT / "web" / "reference"
    changes = folder / "changes.atom"
    before = changes.read_text() if changes.exists() else ""
    today = datetime.now(UTC).date().isoformat()
    changes.write_text(feed((ROOT / "CHANGELOG.md").read_text(), before, today))
    page = folder / "index.html"
    page.write_text(MARKS.sub(lambda _: error_table(), page.read_text()))
    build_wheel(folder)


if __name__ == "__main__":
    main(sys.argv[1:])
