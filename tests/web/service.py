"""Canned responses of the service, for tests that intercept uploads."""

import base64
import io
import json
from typing import Any

from PIL import Image


def answer(page: Any, *answers: dict[str, Any]) -> list[Any]:
    """Answer the page's uploads in place of the service; the last response is repeated.

    Returns the list of received requests. A response of {} leaves the page waiting.
    """
    requests: list[Any] = []

    def handle(route: Any) -> None:
        chosen = answers[min(len(requests), len(answers) - 1)]
        requests.append(route.request)
        if chosen:
            route.fulfill(**chosen)

    page.route("**/v1/classify*", handle)
    return requests


DETAIL = "What was found, what is accepted."


def problem(status: int, slug: str, **headers: str) -> dict[str, Any]:
    """A problem document of the service."""
    document = {
        "type": f"/problems/{slug}",
        "title": slug,
        "status": status,
        "detail": DETAIL,
        "request_id": "test-1",
    }
    return {
        "status": status,
        "headers": {"Content-Type": "application/problem+json", **headers},
        "body": json.dumps(document),
    }


# Class probabilities of four results, by the lesion's appearance.
SHARES = {
    "melanoma": {"mel": 0.71, "nv": 0.17, "bkl": 0.06, "bcc": 0.03, "akiec": 0.015, "df": 0.01},
    "carcinoma": {"bcc": 0.66, "akiec": 0.2, "bkl": 0.08, "nv": 0.03, "mel": 0.01, "df": 0.01},
    "suspicious mole": {"nv": 0.78, "mel": 0.12, "bkl": 0.06, "bcc": 0.015, "akiec": 0.005,
                        "df": 0.01},
    "mole": {"nv": 0.9, "bkl": 0.06, "mel": 0.015, "bcc": 0.005, "akiec": 0.004, "df": 0.01},
}  # fmt: skip
THRESHOLD = 0.07
PRIOR = 0.195  # malignant


def result(looks: str = "melanoma", kind: str = "dermatoscopic", **changes: Any) -> dict[str, Any]:
    """A result of the service."""
    shares = dict(SHARES[looks])
    shares["vasc"] = 1 - sum(shares.values())
    entries: list[dict[str, Any]] = [
        {"label": label, "name": label.upper(), "probability": share,
         "malignant": label in ("mel", "bcc", "akiec")}
        for label, share in shares.items()
    ]  # fmt: skip
    best = {key: entries[0][key] for key in ("label", "name", "probability")}
    malignant = sum(entry["probability"] for entry in entries if entry["malignant"])
    decision = {"prior": "dataset", "probability": malignant, "threshold": THRESHOLD}
    named = kind == "dermatoscopic"
    document: dict[str, Any] = {
        "request_id": "test-2",
        "model": {"name": "mobilenet_1.00_224", "version": "test"},
        "prediction": best if named else None,
        "prior": {"name": "dataset", "malignant": PRIOR},
        "views": 1,
        "probabilities": entries,
        "malignancy": (
            {"probability": malignant, "flag": malignant >= THRESHOLD, "decision": decision}
            if named
            else None
        ),
        "input": {"width": 600, "height": 450, "kind": kind, "in_distribution": named,
                  "score": None, "warnings": []},
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
