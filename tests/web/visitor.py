"""Actions of a visitor, shared by the tests."""

from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT

WEB = ROOT / "web"
ARTEFACTS = ROOT / "tests" / "artefacts"
LANGUAGES = ("en", "hi", "mr")
PHONE = {"width": 360, "height": 740}
DESKTOP = {"width": 1280, "height": 900}


def answer_yes(page: Any) -> None:
    """Answer the first question with Yes, if it is shown."""
    if page.is_visible("#question"):
        page.click("#yes")


def choose(page: Any, data: bytes, name: str = "lesion.jpg", kind: str = "image/jpeg") -> None:
    """Choose a file and wait for the preview."""
    answer_yes(page)
    page.set_input_files("#image", {"name": name, "mimeType": kind, "buffer": data})
    page.wait_for_selector("body[data-state=chosen]")


def send(page: Any) -> None:
    page.check("#consent")
    page.click("#send")


def check(page: Any, data: bytes) -> None:
    """Choose a file, consent, send, and wait for the result."""
    choose(page, data)
    send(page)
    page.wait_for_selector("body[data-state=result]")


def sent(request: Any) -> tuple[str, str, bytes]:
    """File name, media type and bytes of an upload, which has one part."""
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
    body: Any = message_from_bytes(head + request.post_data_buffer)
    [part] = body.get_payload()
    assert part.get_param("name", header="content-disposition") == "image"
    return part.get_filename(), part.get_content_type(), part.get_payload(decode=True)


# ---- checks and screenshots
# --------------------------------------------------------------------------


def faults(page: Any) -> list[str]:
    """Violations of WCAG 2.2 AA and of best practices found by axe."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    # Contrast cannot be measured while colours are animated.
    page.evaluate("Promise.all(document.getAnimations().map((motion) => motion.finished))")
    found = axe.Axe().run(page).response["violations"]
    return [f"{v['id']}: {n['target']} {n['failureSummary']}" for v in found for n in v["nodes"]]


def unfolded(page: Any) -> None:
    """Open every <details>."""
    page.evaluate("document.querySelectorAll('main details').forEach((part) => (part.open = true))")


def artefact(name: str, kind: str = "png") -> Path:
    """Path of a screenshot or printed page."""
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    return ARTEFACTS / f"{name}.{kind}"


def picture_of(page: Any, name: str) -> None:
    """Save a screenshot as an artefact."""
    # Tall pages take long to render on a busy machine.
    page.screenshot(path=artefact(name), full_page=True, timeout=60_000)
