"""Results and errors as FHIR R4B resources, for medical record systems.

https://hl7.org/fhir/R4B/diagnosticreport.html, bundle.html, operationoutcome.html

A DiagnosticReport contains the resources that it refers to, except for the patient. The code of
each Observation says what was measured, the probability of a class, and a coded component names the
class. The codes are those of `diagnoses`. They have no ``display``, because the licences of some
code systems restrict their texts; ``text`` has our own. Patient, identifier and body site are those
that the caller sent (`record`).
"""

import html
import re
import uuid
from datetime import UTC, datetime
from typing import Any

from ..model.diagnoses import TAXONOMY, Code
from ..model.result_document import ClassProbability, Record, Result
from .percent import percent

MEDIA_TYPE = "application/fhir+json"

# Extension of a coding that stands for one disease of the class, not for the whole class.
MATCH = "urn:x-lesionlens:code-match"
REQUEST_ID = "urn:x-lesionlens:request-id"
ABSENT = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
UNITS = "http://unitsofmeasure.org"
REPORT_CATEGORY = ("http://terminology.hl7.org/CodeSystem/v2-0074", "IMG", "Diagnostic Imaging")
OBSERVATION_CATEGORY = (
    "http://terminology.hl7.org/CodeSystem/observation-category", "imaging", "Imaging",
)  # fmt: skip

# Ids of contained resources.
MODEL = "model"
MALIGNANCY = "malignancy"
# https://terminology.hl7.org/CodeSystem-v3-ActReason.html
TEST_DATA = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ActReason",
    "code": "HTEST",
    "display": "test health data",
}
# Not verified by a person.
STATUS = "preliminary"
NOT_RECOGNIZED = (
    "The image was not recognized as one of a lesion like those that the model has learned: "
    "no probability is given."
)
# FHIR's type `code`: single spaces inside, none around (https://hl7.org/fhir/R4B/datatypes.html#code).
_CODE = r"\S+(?:\s\S+)*"
# A coded body site: the system is a URI.
_CODED_SITE = re.compile(rf"([A-Za-z][A-Za-z0-9+.-]*:[^\s|]+)\|({_CODE})")
# IssueType by HTTP status: https://hl7.org/fhir/R4B/valueset-issue-type.html
ISSUES = {
    401: "login", 404: "not-found", 405: "not-supported", 406: "not-supported", 408: "timeout",
    409: "conflict", 413: "too-long", 415: "not-supported", 422: "processing", 429: "throttled",
    503: "transient", 500: "exception",
}  # fmt: skip


def report(result: Result) -> dict[str, Any]:
    """Return the DiagnosticReport of the result of one image.

    For an image that was not recognized (``prediction`` is None) every value is absent, with a
    data-absent-reason, so that no probability is read out of context.
    """
    now = datetime.now(UTC).isoformat(timespec="seconds")
    record = result.get("record", {})
    conclusion = _conclusion(result)
    shared = {
        "status": STATUS,
        "category": [_coded(OBSERVATION_CATEGORY)],
        **_subject(record),
        "effectiveDateTime": now,
        "device": {"reference": f"#{MODEL}"},
        **({"bodySite": _body_site(record["body_site"])} if "body_site" in record else {}),
    }
    observations = [_class(entry, result, shared) for entry in result["probabilities"]]
    observations.append(_malignancy(result, shared))
    identifiers = [{"system": REQUEST_ID, "value": result["request_id"]}]
    if "identifier" in record:
        system, value = record["identifier"].split("|", 1)
        identifiers.append({"system": system, "value": value})
    return {
        "resourceType": "DiagnosticReport",
        **({"meta": {"security": [TEST_DATA]}} if result.get("test") else {}),
        "text": _narrative(conclusion),
        "contained": [_device(result), *observations],
        "identifier": identifiers,
        "status": STATUS,
        "category": [_coded(REPORT_CATEGORY)],
        "code": {"text": "Classification of a dermatoscopic image of a skin lesion"},
        **_subject(record),
        "effectiveDateTime": now,
        "issued": now,
        "result": [{"reference": f"#{observation['id']}"} for observation in observations],
        "conclusion": " ".join(conclusion),
    }


def bundle(batch: dict[str, Any]) -> dict[str, Any]:
    """Return the Bundle of a batch: a DiagnosticReport or an OperationOutcome for each image."""
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "identifier": {"system": REQUEST_ID, "value": batch["request_id"]},
        "timestamp": datetime.now(UTC).isoformat(timespec="seconds"),
        "entry": [
            {
                "fullUrl": f"urn:uuid:{uuid.uuid4()}",
                "resource": (
                    _named(report(entry["result"]), entry)
                    if "result" in entry
                    else _named(outcome(entry["problem"]), entry)
                ),
            }
            for entry in batch["results"]
        ],
    }


def outcome(problem: dict[str, Any]) -> dict[str, Any]:
    """Return the OperationOutcome of a problem, given as problem details (RFC 9457)."""
    diagnostics = f"{problem['type']}, request {problem['request_id']}"
    return {
        "resourceType": "OperationOutcome",
        "text": _narrative([problem["title"] + ".", problem["detail"]]),
        "issue": [
            {
                "severity": "error",
                "code": ISSUES.get(problem["status"], "invalid"),
                "details": {"text": problem["detail"]},
                "diagnostics": diagnostics,
            }
        ],
    }


def _named(resource: dict[str, Any], entry: dict[str, Any]) -> dict[str, Any]:
    """Tag a resource of a bundle with the image's index and, if there is one, the caller's id."""
    tags = [{"system": "urn:x-lesionlens:index", "code": str(entry["index"])}]
    if "id" in entry:
        kind = "code" if re.fullmatch(_CODE, entry["id"]) else "display"
        tags.append({"system": "urn:x-lesionlens:id", kind: entry["id"]})
    return {**resource, "meta": {**resource.get("meta", {}), "tag": tags}}


def _narrative(sentences: list[str]) -> dict[str, str]:
    paragraphs = "".join(f"<p>{html.escape(sentence)}</p>" for sentence in sentences)
    return {
        "status": "generated",
        "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{paragraphs}</div>',
    }


def _conclusion(result: Result) -> list[str]:
    best, malignancy = result["prediction"], result["malignancy"]
    if best is None or malignancy is None:
        first = [NOT_RECOGNIZED]
    else:
        # The flag first: a flagged lesion may well have a benign class as its most probable one.
        flag = "Flagged" if malignancy["flag"] else "Not flagged"
        probability = percent(malignancy["decision"]["probability"], 1)
        threshold = percent(malignancy["decision"]["threshold"], 1)
        first = [
            f"{flag} as possibly malignant: probability of malignancy {probability}, "
            f"flagged from {threshold}.",
            f"Most probable class: {best['name']}, {percent(best['probability'], 1)}.",
        ]
    warnings = [warning["message"] for warning in result["input"]["warnings"]]
    return [*first, *warnings, result["notice"]]


def _device(result: Result) -> dict[str, Any]:
    name = f"LesionLens {result['model']['name']}"
    return {
        "resourceType": "Device",
        "id": MODEL,
        "deviceName": [{"name": name, "type": "model-name"}],
        "version": [{"value": result["model"]["version"]}],
        # The options of this answer; no public code system has codes for them.
        "property": [
            {"type": {"text": "prior"}, "valueCode": [{"text": result["prior"]["name"]}]},
            {
                "type": {"text": "prior share of malignant lesions"},
                "valueQuantity": [_quantity(result["prior"]["malignant"])],
            },
            {"type": {"text": "views"}, "valueQuantity": [{"value": result["views"]}]},
        ],
        "note": [{"text": result["notice"]}],
    }


def _class(entry: ClassProbability, result: Result, shared: dict[str, Any]) -> dict[str, Any]:
    """The Observation of one class: its probability, with the class as a component."""
    disease = TAXONOMY[entry["label"]]
    coding = [_coding(code) for code in disease.codes]
    recognized = result["prediction"] is not None
    return {
        "resourceType": "Observation",
        "id": entry["label"],
        **shared,
        "code": {"text": f"Probability of the class: {disease.name}"},
        **({"valueQuantity": _quantity(entry["probability"])} if recognized else _absent()),
        "component": [
            {
                "code": {"text": "Class"},
                "valueCodeableConcept": {"coding": coding, "text": disease.name},
            }
        ],
    }


def _malignancy(result: Result, shared: dict[str, Any]) -> dict[str, Any]:
    malignant = " or ".join(
        entry["name"] for entry in result["probabilities"] if entry["malignant"]
    )
    observation = {
        "resourceType": "Observation",
        "id": MALIGNANCY,
        **shared,
        "code": {"text": f"Probability that the lesion is malignant: {malignant}"},
    }
    found = result["malignancy"]
    if found is None:
        return {**observation, **_absent()}
    decision = found["decision"]
    threshold = decision["threshold"]
    side = "at or above" if found["flag"] else "below"
    decided = f"{decision['probability']:g} under the {decision['prior']} prior"
    observation["valueQuantity"] = _quantity(found["probability"])
    observation["interpretation"] = [{"text": f"{decided}: {side} the threshold of {threshold:g}"}]
    if result["prior"]["name"] == decision["prior"]:
        # Under another prior, this value is not the one that is compared with the threshold.
        observation["referenceRange"] = [
            {"high": _quantity(threshold), "text": "below the threshold"}
        ]
    return observation


def _subject(record: Record) -> dict[str, Any]:
    return {"subject": {"reference": record["subject"]}} if "subject" in record else {}


def _body_site(text: str) -> dict[str, Any]:
    """The CodeableConcept of a body site: SYSTEM|CODE as a coding, anything else as text."""
    coded = _CODED_SITE.fullmatch(text)
    if coded:
        return {"coding": [{"system": coded[1], "code": coded[2]}]}
    return {"text": text}


def _coded(concept: tuple[str, str, str]) -> dict[str, Any]:
    system, code, display = concept
    return {"coding": [{"system": system, "code": code, "display": display}]}


def _coding(code: Code) -> dict[str, Any]:
    mark = {} if code.match == "exact" else {"extension": [{"url": MATCH, "valueCode": code.match}]}
    return {**mark, "system": code.system, "code": code.code}


def _quantity(probability: float) -> dict[str, Any]:
    return {"value": probability, "unit": "probability", "system": UNITS, "code": "1"}


def _absent() -> dict[str, Any]:
    coding = {"system": ABSENT, "code": "not-applicable", "display": "Not Applicable"}
    return {"dataAbsentReason": {"coding": [coding], "text": NOT_RECOGNIZED}}
