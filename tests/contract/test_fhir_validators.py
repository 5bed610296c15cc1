"""FHIR responses, checked with validators from npm; other tests use `fhir.resources`.

HL7's own validator is not packaged on npm, PyPI or Debian: function/DECISIONS.md.
"""

import copy
import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from lesionlens.api import keyring
from lesionlens.api.rate import Rate
from tests.conftest import create_client
from tests.contract.test_generated_clients import HERE, run, tool
from tests.multipart_forms import multipart
from tests.pictures import JPEG, encoded, lesion

pytestmark = pytest.mark.slow

FHIR = "application/fhir+json"
RECORD = {
    "subject": b"Patient/123",
    "identifier": b"https://clinic.example/images|4711",
    "body_site": b"http://snomed.info/sct|368208006",
}


def answers(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Real responses of every kind."""
    text, key = keyring.create(
        "Example Clinic", Rate(99, "minute"), 16, date(2999, 1, 1), test=True
    )
    monkeypatch.setenv("API_KEYS", keyring.document([key]))
    client = create_client()

    def ask(path: str, *parts: tuple[str, str | None, bytes], **headers: str) -> Any:
        body, media_type = multipart(*parts)
        return client.post(
            path, data=body, content_type=media_type, headers={"Accept": FHIR, **headers}
        ).json

    image = ("image", "lesion.jpg", JPEG)
    record = [(name, None, value) for name, value in RECORD.items()]
    images = [("images", "a", data) for data in (JPEG, JPEG[:9000], encoded(lesion()))]
    return {
        "report": ask("/v1/classify", image),
        "another prior": ask("/v1/classify?prevalence=0.05&views=2", image),
        "not recognized": ask("/v1/classify", ("image", "a", encoded(lesion()))),
        "a record": ask("/v1/classify", image, *record),
        "test data": ask("/v1/classify", image, **{"X-API-Key": text}),
        "bundle": ask("/v1/batch", *images, **{"X-API-Key": text}),
        "outcome": ask("/v1/classify", ("image", "a", JPEG[:9000])),
    }


def observation(report: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = report["contained"][1]
    return found


# Changes that make a report invalid, and a part of the message that a validator must give.
FAULTS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "a field that FHIR lacks": lambda report: observation(report).update(statuss="final"),
    "a status that is missing": lambda report: observation(report).pop("status"),
    "a status that FHIR lacks": lambda report: report.update(status="done"),
    "a narrative of no kind": lambda report: report["text"].update(status="x"),
    "a code that is missing": lambda report: report.pop("code"),
}


def faults(tmp_path: Path, resources: dict[str, Any]) -> dict[str, list[str]]:
    tool("tsc")
    (tmp_path / "resources.json").write_text(json.dumps(resources))
    program = HERE / "fhir_validators.mjs"
    found: dict[str, list[str]] = json.loads(
        run(HERE, "node", program, tmp_path / "resources.json")
    )
    return found


def test_validators_find_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = answers(monkeypatch)
    kinds = {name: resource["resourceType"] for name, resource in asked.items()}
    assert set(kinds.values()) == {"DiagnosticReport", "Bundle", "OperationOutcome"}
    assert "dataAbsentReason" in observation(asked["not recognized"])
    assert faults(tmp_path, asked) == {name: [] for name in asked}


def test_they_find_planted_faults(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    report = answers(monkeypatch)["a record"]
    planted = {name: copy.deepcopy(report) for name in FAULTS}
    for name, plant in FAULTS.items():
        plant(planted[name])
    assert [name for name, found in faults(tmp_path, planted).items() if not found] == []
