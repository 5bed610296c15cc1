"""The report, held against FHIR's own types, and against the result that it is made of."""

import json
from typing import Any

import pytest
from fhir.resources.R4B.diagnosticreport import DiagnosticReport
from werkzeug.test import Client

from lesionlens.api import fhir
from lesionlens.model.diagnoses import TAXONOMY
from lesionlens.model.result import NOTICE
from tests import releases
from tests.pictures import JPEG, encoded, lesion

ENTRIES = [
    {"label": label, "name": disease.name, "probability": share, "malignant": disease.malignant}
    for (label, disease), share in zip(
        TAXONOMY.items(), (0.05, 0.05, 0.1, 0.1, 0.5, 0.1, 0.1), strict=True
    )
]
RESULT: dict[str, Any] = {
    "request_id": "mine",
    "model": {"name": "mobilenet", "version": "v1"},
    "prediction": {"label": "mel", "name": "Melanoma", "probability": 0.5},
    "prior": "dataset",
    "views": 4,
    "probabilities": ENTRIES,
    "malignancy": {"probability": 0.6, "threshold": 0.31, "flag": True},
    "input": {"warnings": [{"code": "first-picture", "message": "Several pictures."}]},
    "notice": NOTICE,
}
FOREIGN = {**RESULT, "prediction": None, "malignancy": None}


def checked(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Hold a report against FHIR's types; return what it contains by its id."""
    DiagnosticReport.model_validate_json(json.dumps(report))
    contained = {resource["id"]: resource for resource in report["contained"]}
    references = [result["reference"] for result in report["result"]]
    assert references == [f"#{name}" for name in contained if name != fhir.MODEL]
    return contained


def test_a_report_has_an_observation_of_each_class_and_one_of_malignancy() -> None:
    report = fhir.report(RESULT)
    contained = checked(report)
    assert set(contained) == {fhir.MODEL, fhir.MALIGNANCY, *TAXONOMY}
    assert report["status"] == "preliminary"
    assert report["identifier"] == [{"value": "mine"}]
    assert report["conclusion"] == f"Melanoma: 50.0%. Several pictures. {NOTICE}"
    for entry in ENTRIES:
        observation = contained[entry["label"]]
        assert observation["status"] == "preliminary"
        assert observation["code"]["text"] == entry["name"]
        assert observation["valueQuantity"]["value"] == entry["probability"]
        assert observation["device"] == {"reference": "#model"}
    malignancy = contained[fhir.MALIGNANCY]
    assert malignancy["valueQuantity"]["value"] == 0.6
    assert malignancy["interpretation"] == [{"text": "at or above the threshold of 0.31"}]
    assert malignancy["referenceRange"][0]["high"]["value"] == 0.31
    assert "Melanoma" in malignancy["code"]["text"]
    assert "nevus" not in malignancy["code"]["text"]


def test_a_report_names_the_model_and_no_patient() -> None:
    report = fhir.report(RESULT)
    device = checked(report)[fhir.MODEL]
    assert device["version"] == [{"value": "v1"}]
    assert device["note"] == [{"text": NOTICE}]
    assert "subject" not in json.dumps(report)
    assert "Patient" not in json.dumps(report)


def test_a_report_says_how_the_model_was_set() -> None:
    prior, views = checked(fhir.report(RESULT))[fhir.MODEL]["property"]
    assert prior == {"type": {"text": "prior"}, "valueCode": [{"text": "dataset"}]}
    assert views == {"type": {"text": "views"}, "valueQuantity": [{"value": 4}]}


def test_codes_are_those_of_the_taxonomy_and_say_when_they_are_of_one_of_a_group() -> None:
    contained = checked(fhir.report(RESULT))
    for label, disease in TAXONOMY.items():
        codings = contained[label]["code"]["coding"]
        assert [(coding["system"], coding["code"], coding["display"]) for coding in codings] == [
            (code.system, code.code, code.display) for code in disease.codes
        ]
        for coding, code in zip(codings, disease.codes, strict=True):
            marks = [mark["valueCode"] for mark in coding.get("extension", [])]
            assert marks == ([] if code.match == "exact" else ["representative"])


def test_of_an_image_that_was_not_recognized_every_value_is_absent_with_the_reason() -> None:
    report = fhir.report(FOREIGN)
    contained = checked(report)
    assert report["conclusion"].startswith("The image was not recognized")
    assert NOTICE in report["conclusion"]
    for name in (*TAXONOMY, fhir.MALIGNANCY):
        assert "valueQuantity" not in contained[name]
        reason = contained[name]["dataAbsentReason"]
        assert reason["coding"][0]["code"] == "not-applicable"
        assert "not recognized" in reason["text"]


def test_types_that_check_nothing_would_be_noticed() -> None:
    with pytest.raises(ValueError, match=r"no such field|extra|Extra"):
        DiagnosticReport.model_validate({**fhir.report(RESULT), "patient": "x"})


@pytest.mark.parametrize(
    "accept", ["application/fhir+json", "text/html;q=0.5, application/fhir+json; fhirVersion=4.3"]
)
def test_a_report_is_answered_to_who_asks_for_one(shared_client: Client, accept: str) -> None:
    data = encoded(lesion(), "GIF", save_all=True, append_images=[lesion(99, 99)])
    response = shared_client.post("/v1/classify", data=data, headers={"Accept": accept})
    assert (response.status_code, response.content_type) == (200, "application/fhir+json")
    report = json.loads(response.data)
    assert set(releases.CLASSES) < set(checked(report))
    assert report["identifier"] == [{"value": response.headers["X-Request-Id"]}]
    assert "the first was used" in report["conclusion"]
    assert response.headers["Cache-Control"] == "no-store"


def test_errors_stay_problem_details(shared_client: Client) -> None:
    headers = {"Accept": "application/fhir+json"}
    response = shared_client.post("/v1/classify", data=JPEG[:3000], headers=headers)
    assert (response.status_code, response.content_type) == (422, "application/problem+json")
