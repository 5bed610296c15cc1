"""The result as a FHIR R4B DiagnosticReport, for software that keeps medical records.

https://hl7.org/fhir/R4B/diagnosticreport.html

Everything is contained in the one resource. It names no patient, because the service knows none:
the receiver adds ``subject``. Codes come from `taxonomy` alone; what has none there is text.
"""

from datetime import UTC, datetime
from typing import Any

from ..model.diagnoses import TAXONOMY, Code

MEDIA_TYPE = "application/fhir+json"

# Says of a coding how it relates to the class: it is of one disease of the group, not of them all.
MATCH = "urn:x-lesionlens:code-match"
ABSENT = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
UNITS = "http://unitsofmeasure.org"

MODEL = "model"
MALIGNANCY = "malignancy"
# No one has reviewed it.
STATUS = "preliminary"
NOT_RECOGNIZED = (
    "The image was not recognized as one of a lesion like those that the model has learned: "
    "no probability is given."
)


def report(result: dict[str, Any]) -> dict[str, Any]:
    """Return the DiagnosticReport of a result as `result.build` returns it.

    Of an image that was not recognized (``prediction`` is None) every value is absent, with the
    reason, so that no reader takes a number out of its context.
    """
    now = datetime.now(UTC).isoformat(timespec="seconds")
    recognized = result["prediction"] is not None
    observations = [
        _observation(entry["label"], _class(entry["label"]), entry["probability"], now, recognized)
        for entry in result["probabilities"]
    ]
    observations.append(_malignancy(result, now))
    return {
        "resourceType": "DiagnosticReport",
        "contained": [_device(result), *observations],
        "identifier": [{"value": result["request_id"]}],
        "status": STATUS,
        "code": {"text": "Classification of a dermatoscopic image of a skin lesion"},
        "effectiveDateTime": now,
        "issued": now,
        "result": [{"reference": f"#{observation['id']}"} for observation in observations],
        "conclusion": " ".join(_conclusion(result)),
    }


def _conclusion(result: dict[str, Any]) -> list[str]:
    best = result["prediction"]
    first = f"{best['name']}: {best['probability']:.1%}." if best else NOT_RECOGNIZED
    warnings = [warning["message"] for warning in result["input"]["warnings"]]
    return [first, *warnings, result["notice"]]


def _device(result: dict[str, Any]) -> dict[str, Any]:
    name = f"LesionLens {result['model']['name']}"
    return {
        "resourceType": "Device",
        "id": MODEL,
        "deviceName": [{"name": name, "type": "model-name"}],
        "version": [{"value": result["model"]["version"]}],
        # How it was set for this answer; no public code is known for either.
        "property": [
            {"type": {"text": "prior"}, "valueCode": [{"text": result["prior"]}]},
            {"type": {"text": "views"}, "valueQuantity": [{"value": result["views"]}]},
        ],
        "note": [{"text": result["notice"]}],
    }


def _observation(
    name: str, code: dict[str, Any], probability: float, now: str, recognized: bool
) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": name,
        "status": STATUS,
        "code": code,
        "effectiveDateTime": now,
        **({"valueQuantity": _quantity(probability)} if recognized else _absent()),
        "device": {"reference": f"#{MODEL}"},
    }


def _malignancy(result: dict[str, Any], now: str) -> dict[str, Any]:
    malignant = " or ".join(
        entry["name"] for entry in result["probabilities"] if entry["malignant"]
    )
    code = {"text": f"Malignancy: {malignant}"}
    found = result["malignancy"]
    if found is None:
        return _observation(MALIGNANCY, code, 0, now, recognized=False)
    threshold = found["threshold"]
    side = "at or above" if found["flag"] else "below"
    return {
        **_observation(MALIGNANCY, code, found["probability"], now, recognized=True),
        "interpretation": [{"text": f"{side} the threshold of {threshold:g}"}],
        "referenceRange": [{"high": _quantity(threshold), "text": "below the threshold"}],
    }


def _class(label: str) -> dict[str, Any]:
    disease = TAXONOMY[label]
    coding = [_coding(code) for code in disease.codes]
    return {"coding": coding, "text": disease.name}


def _coding(code: Code) -> dict[str, Any]:
    mark = {} if code.match == "exact" else {"extension": [{"url": MATCH, "valueCode": code.match}]}
    return {**mark, "system": code.system, "code": code.code, "display": code.display}


def _quantity(probability: float) -> dict[str, Any]:
    return {"value": probability, "unit": "probability", "system": UNITS, "code": "1"}


def _absent() -> dict[str, Any]:
    coding = {"system": ABSENT, "code": "not-applicable", "display": "Not Applicable"}
    return {"dataAbsentReason": {"coding": [coding], "text": NOT_RECOGNIZED}}
