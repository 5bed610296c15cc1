"""What a visitor does and sees, as steps that tests are written in."""

import base64
import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
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


def answer(page: Any, *answers: dict[str, Any]) -> list[Any]:
    """Answer the page's uploads in the service's place; the last answer repeats.

    Returns the requests as they come in. An answer of {} leaves the page waiting.
    """
    requests: list[Any] = []

    def handle(route: Any) -> None:
        chosen = answers[min(len(requests), len(answers) - 1)]
        requests.append(route.request)
        if chosen:
            route.fulfill(**chosen)

    page.route("**/v1/classify*", handle)
    return requests


def problem(status: int, slug: str, **headers: str) -> dict[str, Any]:
    """An error of the service, as its contract writes it."""
    document = {
        "type": f"/problems/{slug}",
        "title": slug,
        "status": status,
        "detail": "What was found, what is accepted.",
        "request_id": "test-1",
    }
    return {
        "status": status,
        "headers": {"Content-Type": "application/problem+json", **headers},
        "body": json.dumps(document),
    }


def result(recognized: bool | None = True, flag: bool = True, **changes: Any) -> dict[str, Any]:
    """A result of the service, as its contract writes it."""
    shares = {"mel": 0.71, "nv": 0.17, "bkl": 0.06, "bcc": 0.03, "akiec": 0.015, "df": 0.01}
    if not flag:
        shares = {"bkl": 0.8, "nv": 0.15, "mel": 0.02, "bcc": 0.01, "akiec": 0.01, "df": 0.006}
    shares["vasc"] = 1 - sum(shares.values())
    entries = [
        {"label": label, "name": label.upper(), "probability": share,
         "malignant": label in ("mel", "bcc", "akiec")}
        for label, share in shares.items()
    ]  # fmt: skip
    best = {key: entries[0][key] for key in ("label", "name", "probability")}
    malignant = sum(entry["probability"] for entry in entries if entry["malignant"])
    named = recognized is not False
    document = {
        "request_id": "test-2",
        "model": {"name": "mobilenet_1.00_224", "version": "test"},
        "prediction": best if named else None,
        "probabilities": entries,
        "malignancy": (
            {"probability": malignant, "threshold": 0.31, "flag": flag} if named else None
        ),
        "input": {"width": 600, "height": 450, "in_distribution": recognized, "score": None,
                  "warnings": []},
        "explanation": {
            "label": best["label"], "method": "class-activation-map",
            "grid": [[1.0, 0.2, 0.0], [0.1, 0.1, 0.0], [0.0, 0.0, 0.0]],
            "region": {"x": 0.125, "y": 0, "width": 0.75, "height": 1},
            "overlay_png": _overlay(),
        },
        "timing_ms": {"decode": 1, "inference": 2, "total": 3},
        "notice": "Not a medical diagnosis.",
    }  # fmt: skip
    document["input"] |= changes.pop("input", {})
    return {"status": 200, "json": document | changes}


def _overlay() -> str:
    image = Image.new("RGBA", (64, 48))
    image.paste((255, 90, 0, 160), (8, 0, 24, 16))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


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
