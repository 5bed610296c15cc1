"""FHIR reports, checked with FHIR's own types and against the result they are made from."""

import base64
import json
from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.diagnosticreport import DiagnosticReport
from fhir.resources.R4B.operationoutcome import OperationOutcome
from werkzeug.test import Client

from lesionlens.api import fhir
from lesionlens.model.diagnoses import TAXONOMY
from lesionlens.model.result import NOTICE
from tests import releases
from tests.multipart_forms import multipart
from tests.pictures import JPEG, encoded, lesion

ENTRIES: list[dict[str, Any]] = [
    {"label": label, "name": disease.name, "probability": share, "malignant": disease.malignant}
    for (label, disease), share in zip(
        TAXONOMY.items(), (0.05, 0.05, 0.1, 0.1, 0.5, 0.1, 0.1), strict=True
    )
]
RESULT: Any = {
    "request_id": "mine",
    "model": {"name": "mobilenet", "version": "v1"},
    "prediction": {"label": "mel", "name": "Melanoma", "probability": 0.5},
    "prior": {"name": "dataset", "malignant": 0.195},
    "views": 4,
    "probabilities": ENTRIES,
    "malignancy": {
        "probability": 0.6,
        "flag": True,
        "decision": {"prior": "dataset", "probability": 0.6, "threshold": 0.31},
    },
    "input": {"warnings": [{"code": "first-picture", "message": "Several pictures."}]},
    "notice": NOTICE,
}
NOT_DERMATOSCOPIC: Any = {**RESULT, "prediction": None, "malignancy": None}


def checked(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Check a report with FHIR's types; return its contained resources by id."""
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
    assert report["identifier"] == [{"system": fhir.REQUEST_ID, "value": "mine"}]
    assert report["category"][0]["coding"][0]["code"] == "IMG"
    assert "Several pictures." in report["text"]["div"]
    assert report["conclusion"] == (
        "Flagged as possibly malignant: probability of malignancy 60.0%, flagged from 31.0%. "
        f"Most probable class: Melanoma, 50.0%. Several pictures. {NOTICE}"
    )
    for entry in ENTRIES:
        observation = contained[entry["label"]]
        assert observation["status"] == "preliminary"
        assert observation["code"] == {"text": f"Probability of the class: {entry['name']}"}
        assert observation["component"][0]["valueCodeableConcept"]["text"] == entry["name"]
        assert observation["valueQuantity"]["value"] == entry["probability"]
        assert observation["device"] == {"reference": "#model"}
    malignancy = contained[fhir.MALIGNANCY]
    assert malignancy["valueQuantity"]["value"] == 0.6
    assert malignancy["interpretation"] == [
        {"text": "0.6 under the dataset prior: at or above the threshold of 0.31"}
    ]
    assert malignancy["referenceRange"][0]["high"]["value"] == 0.31
    assert "Melanoma" in malignancy["code"]["text"]
    assert "nevus" not in malignancy["code"]["text"]


def test_under_another_prior_the_value_is_not_held_against_the_threshold() -> None:
    asked = {"probability": 0.2, "flag": True, "decision": RESULT["malignancy"]["decision"]}
    prior = {"name": "prevalence", "malignant": 0.05}
    contained = checked(fhir.report(RESULT | {"prior": prior, "malignancy": asked}))
    malignancy = contained[fhir.MALIGNANCY]
    assert malignancy["valueQuantity"]["value"] == 0.2
    assert malignancy["interpretation"][0]["text"].startswith("0.6 under the dataset prior: at or")
    assert "referenceRange" not in malignancy


def test_a_report_names_the_model_and_no_patient() -> None:
    report = fhir.report(RESULT)
    device = checked(report)[fhir.MODEL]
    assert device["version"] == [{"value": "v1"}]
    assert device["note"] == [{"text": NOTICE}]
    assert "subject" not in json.dumps(report)
    assert "Patient" not in json.dumps(report)


def test_a_report_says_how_the_model_was_set() -> None:
    prior, malignant, views = checked(fhir.report(RESULT))[fhir.MODEL]["property"]
    assert prior == {"type": {"text": "prior"}, "valueCode": [{"text": "dataset"}]}
    assert malignant["valueQuantity"][0]["value"] == 0.195
    assert views == {"type": {"text": "views"}, "valueQuantity": [{"value": 4}]}


def test_codes_are_those_of_the_taxonomy_and_say_when_they_are_of_one_of_a_group() -> None:
    contained = checked(fhir.report(RESULT))
    for label, disease in TAXONOMY.items():
        codings = contained[label]["component"][0]["valueCodeableConcept"]["coding"]
        assert [(coding["system"], coding["code"]) for coding in codings] == [
            (code.system, code.code) for code in disease.codes
        ]
        for coding, code in zip(codings, disease.codes, strict=True):
            marks = [mark["valueCode"] for mark in coding.get("extension", [])]
            assert marks == ([] if code.match == "exact" else ["representative"])


def test_of_an_image_that_was_not_recognized_every_value_is_absent_with_the_reason() -> None:
    report = fhir.report(NOT_DERMATOSCOPIC)
    contained = checked(report)
    assert report["conclusion"].startswith("The image was not recognized")
    assert NOTICE in report["conclusion"]
    for name in (*TAXONOMY, fhir.MALIGNANCY):
        assert "valueQuantity" not in contained[name]
        reason = contained[name]["dataAbsentReason"]
        assert reason["coding"][0]["code"] == "not-applicable"
        assert "not recognized" in reason["text"]


def test_planted_errors_in_a_report_are_found() -> None:
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
    assert report["identifier"][0]["value"] == response.headers["X-Request-Id"]
    assert "the first was used" in report["conclusion"]
    assert response.headers["Cache-Control"] == "no-store"


RECORD = {
    "subject": "Patient/123",
    "identifier": "https://clinic.example/images|4711|b",
    "body_site": "http://snomed.info/sct|123037004",
}


def test_what_the_caller_sent_beside_the_image_comes_back(shared_client: Client) -> None:
    body, media_type = multipart(
        ("image", "a", JPEG), *((name, None, text.encode()) for name, text in RECORD.items())
    )
    asked = {
        "data": body,
        "content_type": media_type,
        "headers": {"Accept": "application/json+fhir"},
    }
    report = json.loads(shared_client.post("/v1/classify", **asked).data)
    contained = checked(report)
    assert report["subject"] == contained["mel"]["subject"] == {"reference": "Patient/123"}
    assert report["identifier"][1] == {
        "system": "https://clinic.example/images", "value": "4711|b",
    }  # fmt: skip
    coding = {"system": "http://snomed.info/sct", "code": "123037004"}
    assert contained["nv"]["bodySite"] == {"coding": [coding]}
    sent = {"image": base64.b64encode(JPEG).decode(), **RECORD, "body_site": "left arm"}
    answer = shared_client.post("/v1/classify", json=sent).json
    assert answer["record"] == {**RECORD, "body_site": "left arm"}
    report = fhir.report(answer)
    assert checked(report)["nv"]["bodySite"] == {"text": "left arm"}


@pytest.mark.parametrize(
    ("text", "coding"),
    [
        ("http://snomed.info/sct|123 037", ("http://snomed.info/sct", "123 037")),
        ("urn:oid:1.2|a|b", ("urn:oid:1.2", "a|b")),
        # No URI before the bar, or no FHIR code after it.
        ("left arm: upper|outer", None),
        ("arm|upper", None),
        ("1:2|upper", None),
        ("http://snomed.info/sct| 123", None),
        ("http://snomed.info/sct|1  2", None),
        ("http://snomed.info/sct|", None),
    ],
)
def test_a_body_site_is_a_coding_only_if_it_is_a_valid_one(
    text: str, coding: tuple[str, str] | None
) -> None:
    result: Any = {**RESULT, "record": {"body_site": text}}
    site = checked(fhir.report(result))["nv"]["bodySite"]
    if coding is None:
        assert site == {"text": text}
    else:
        assert site == {"coding": [{"system": coding[0], "code": coding[1]}]}


@pytest.mark.parametrize(
    ("probability", "written"), [(0.5, "50.0%"), (0.99, "99.0%"), (0.9999, "> 99.9%")]
)
def test_a_conclusion_is_never_certain(probability: float, written: str) -> None:
    sure: Any = {**RESULT, "prediction": {**RESULT["prediction"], "probability": probability}}
    report = fhir.report(sure)
    checked(report)
    assert f"Most probable class: Melanoma, {written}." in report["conclusion"]


def test_a_conclusion_says_what_is_not_flagged() -> None:
    decision = {"prior": "dataset", "probability": 0.0004, "threshold": 0.026}
    quiet: Any = {
        **RESULT, "malignancy": {"probability": 0.0004, "flag": False, "decision": decision}
    }  # fmt: skip
    assert fhir.report(quiet)["conclusion"].startswith(
        "Not flagged as possibly malignant: probability of malignancy < 0.1%, flagged from 2.6%. "
    )


@pytest.mark.parametrize(
    ("field", "text", "message"),
    [
        ("subject", "Jane Doe", "subject is no reference"),
        ("identifier", "4711", "identifier is no SYSTEM|VALUE"),
        ("body_site", "x" * 257, "body_site is empty or too long"),
        ("body_site", "arm\x07", "cannot be printed"),
        ("body_site", "", "body_site is empty or too long"),
        ("body_site", "x" * 2000, "is too long; accepted are up to 1024 bytes"),
        ("body_site", "\udcff", "is not text in UTF-8"),
    ],
)
def test_invalid_references_are_refused(
    shared_client: Client, field: str, text: str, message: str
) -> None:
    body, media_type = multipart(
        ("image", "a", JPEG), (field, None, text.encode("utf-8", "surrogateescape"))
    )
    refused = shared_client.post("/v1/classify", data=body, content_type=media_type)
    assert refused.status_code == 400
    assert message in refused.json["detail"]


def test_a_batch_is_a_bundle(shared_client: Client) -> None:
    images = [
        {
            "image": base64.b64encode(data).decode(),
            "id": id,
            "subject": "Patient/1",
        }
        for data, id in ((JPEG, " two  spaces"), (JPEG[:900], "<900>"))
    ]
    headers = {"Accept": "application/fhir+json"}
    answer = shared_client.post("/v1/batch", json={"images": images}, headers=headers)
    assert answer.content_type == "application/fhir+json"
    Bundle.model_validate_json(answer.data)
    entries = [entry["resource"] for entry in json.loads(answer.data)["entry"]]
    assert [entry["resourceType"] for entry in entries] == ["DiagnosticReport", "OperationOutcome"]
    assert entries[0]["subject"] == {"reference": "Patient/1"}
    tags = [entry["meta"]["tag"][1] for entry in entries]
    # Of FHIR's type `code` are only texts without such spaces.
    assert [tag.get("display") for tag in tags] == [" two  spaces", None]
    assert [tag.get("code") for tag in tags] == [None, "<900>"]


@pytest.mark.parametrize(
    ("path", "options", "status", "code"),
    [
        ("/v1/classify", {"data": JPEG[:3000]}, 422, "processing"),
        ("/v1/classify", {"data": b""}, 400, "invalid"),
        ("/v1/batch", {"data": JPEG, "content_type": "text/plain"}, 415, "not-supported"),
        ("/v1/classify?explain=true", {"data": JPEG}, 406, "not-supported"),
        ("/nowhere", {}, 404, "not-found"),
        ("/v1/classify", {"headers": {"X-API-Key": "wrong<&"}}, 401, "login"),
    ],
)
def test_an_error_is_an_outcome(
    shared_client: Client, path: str, options: dict[str, Any], status: int, code: str
) -> None:
    options = {**options, "headers": {**options.get("headers", {}), "Accept": fhir.MEDIA_TYPE}}
    response = shared_client.post(path, **options)
    assert (response.status_code, response.content_type) == (status, fhir.MEDIA_TYPE)
    OperationOutcome.model_validate_json(response.data)
    (issue,) = json.loads(response.data)["issue"]
    assert issue["code"] == code
    assert response.headers["X-Request-Id"] in issue["diagnostics"]
