"""Writes the parts that the pages of web/ share, and their absolute addresses.

    python infra/page_files.py                 header and footer, from index.html into the others
    python infra/page_files.py FOLDER ORIGIN   absolute addresses for other sites, in a copy

Pages are served from web/ without a build step, so each file contains the header and the footer;
edit these in index.html. Addresses are relative, to work on every server, but those of Open Graph
must be absolute (https://ogp.me), which only a copy for one origin can have.
"""

import re
import sys
from collections.abc import Sequence
from pathlib import Path

WEB = Path(__file__).resolve().parents[1] / "web"
SHARED = ("header", "footer")
COPIES = {
    "without.html": "",
    "model.html": "",
    "404.html": "/",
}  # page → prefix of its addresses
IMAGE = re.compile(r'(?<=<meta property="og:image" content=")/?(?=[^":]+">)')
TYPE = '<meta property="og:type"'


def shared(page: str, source: str, root: str) -> str:
    """Return a page with the header and footer of another, their addresses prefixed by ``root``."""
    for tag in SHARED:
        part = _part(source, tag)
        if root:
            part = re.sub(r'\b(href|src)="(?!\?)(?:\./)?', rf'\1="{root}', part)
        page = page.replace(_part(page, tag), part)
    return page


def absolute(page: str, name: str, origin: str) -> str:
    """Return a page whose own address and picture are absolute addresses at ``origin``."""
    address = f"{origin}/{'' if name == 'index.html' else name}"
    page = IMAGE.sub(f"{origin}/", page)
    if name == "404.html":
        return page  # it has no address of its own
    return page.replace(TYPE, f'<meta property="og:url" content="{address}">\n{TYPE}')


def _part(page: str, tag: str) -> str:
    found = re.search(rf"<{tag} .*?</{tag}>", page, re.DOTALL)
    if found is None:
        raise ValueError(f"a page has no <{tag}>")
    return found[0]


def main(arguments: Sequence[str]) -> None:
    """Write the shared parts into web/, or absolute addresses into a copy."""
    if arguments:
        folder, origin = Path(arguments[0]), arguments[1]
        for name in ("index.html", *COPIES):
            path = folder / name
            path.write_text(absolute(path.read_text(), name, origin))
        return
    source = (WEB / "index.html").read_text()
    for name, root in COPIES.items():
        path = WEB / name
        path.write_text(shared(path.read_text(), source, root))


if __name__ == "__main__":
    main(sys.argv[1:])
