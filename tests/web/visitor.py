"""What a visitor does and sees, as steps that tests are written in."""

from typing import Any

import pytest

from tests.conftest import ROOT

WEB = ROOT / "web"
ARTEFACTS = ROOT / "tests" / "artefacts"
LANGUAGES = ("en", "hi", "mr")
PHONE = {"width": 360, "height": 740}
DESKTOP = {"width": 1280, "height": 900}


def choose(page: Any, data: bytes, name: str = "lesion.jpg", kind: str = "image/jpeg") -> None:
    """Choose a file and wait for the preview."""
    page.set_input_files("#image", {"name": name, "mimeType": kind, "buffer": data})
    page.wait_for_selector("body[data-state=chosen]")


def send(page: Any) -> None:
    page.check("#consent")
    page.click(".ll-send")


def check(page: Any, data: bytes) -> None:
    """The whole way of a visitor: choose, agree, send, read."""
    choose(page, data)
    send(page)
    page.wait_for_selector("body[data-state=result]")


# ---- what is looked at --------------------------------------------------------------------------


def faults(page: Any) -> list[str]:
    """What axe finds against WCAG 2.2 AA and its best practices."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    # A colour that still fades in is no colour to be judged.
    page.evaluate("Promise.all(document.getAnimations().map((motion) => motion.finished))")
    found = axe.Axe().run(page).response["violations"]
    return [f"{v['id']}: {n['target']} {n['failureSummary']}" for v in found for n in v["nodes"]]


def picture_of(page: Any, name: str) -> None:
    """Keep a screenshot as an artefact."""
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=ARTEFACTS / f"{name}.png", full_page=True)
