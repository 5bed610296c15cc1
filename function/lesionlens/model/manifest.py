"""The manifest of a release: all that serving needs to know of it, read and checked."""

import math
from dataclasses import dataclass
from typing import Any

from ..imaging.image_quality import LIMITS
from ..imaging.preprocess import Preprocessing
from .diagnoses import TAXONOMY

SCHEMA_VERSION = 2
# Releases of the first schema hold one calibration and no detector; they can still be served.
FIRST_SCHEMA = 1

MODEL = "model.tflite"
DETECTOR = "detector.npz"

# How the logits of a release become probabilities: see `Calibration`.
DECISION = "decision"
PRIORS = ("uniform", "dataset")


class ReleaseError(Exception):
    """A release contradicts itself or this code; the message says where."""


@dataclass(frozen=True)
class StoredFile:
    size: int  # bytes
    sha256: str


@dataclass(frozen=True)
class Calibration:
    """From logits to probabilities: softmax((logits + offsets) / temperature).

    A release has one by the name of `DECISION`, whose classes are ranked as if all were equally
    frequent and whose highest probability holds for classes as frequent as in the data set; and
    one for each of the `PRIORS`, under which all of its probabilities hold.
    """

    offsets: tuple[float, ...]  # one a class, in the order of the outputs
    temperature: float


@dataclass(frozen=True)
class Malignancy:
    """From probabilities to that of a malignant lesion, and what is flagged.

    logistic(slope * log-odds + intercept), of the malignant classes' share under ``calibration``.
    """

    calibration: str
    slope: float
    intercept: float
    threshold: float  # in (0, 1]; from it on, a lesion is flagged


@dataclass(frozen=True)
class Manifest:
    """What serving reads of a manifest; ``document`` is the whole, as ``/v1/model`` shows it."""

    version: str
    name: str
    classes: tuple[str, ...]  # in the order of the model's outputs
    preprocessing: Preprocessing
    files: dict[str, StoredFile]
    calibrations: dict[str, Calibration]
    malignancy: Malignancy
    max_views: int  # that may be averaged for one answer
    # The distance above which an image is not dermatoscopic; None where there is no detector.
    in_distribution_threshold: float | None
    in_distribution_log_odds: float  # below which it is not either
    quality: dict[str, float]  # limit by name: see lesionlens.quality
    document: dict[str, Any]


def parse_manifest(document: dict[str, Any]) -> Manifest:
    """Check a manifest. Raises ReleaseError that names the field that is wrong."""
    schema = document.get("schema_version")
    if schema not in (FIRST_SCHEMA, SCHEMA_VERSION):
        raise ReleaseError(
            f"the manifest has schema version {schema!r}; this code reads {FIRST_SCHEMA} "
            f"and {SCHEMA_VERSION}"
        )
    try:
        classes = tuple(document["classes"])
        manifest = Manifest(
            version=str(document["version"]),
            name=str(document["name"]),
            classes=classes,
            preprocessing=Preprocessing.from_dict(
                {"size": document["input"]["size"], **document["input"]["preprocessing"]}
            ),
            files={
                name: StoredFile(int(file["size"]), str(file["sha256"]))
                for name, file in document["files"].items()
            },
            document=document,
            **(_first_schema(document) if schema == FIRST_SCHEMA else _calibrated(document)),
        )
    except KeyError as error:
        raise ReleaseError(f"the manifest lacks {error}") from None
    except (TypeError, ValueError, AttributeError) as error:
        raise ReleaseError(f"the manifest is wrong: {error}") from None
    if unknown := sorted(set(classes) - set(TAXONOMY)):
        raise ReleaseError(f"the manifest has unknown classes: {', '.join(unknown)}")
    if len(set(classes)) < len(classes) or not classes:
        raise ReleaseError("the manifest's classes are empty, or not all different")
    for name, calibration in manifest.calibrations.items():
        _check_calibration(name, calibration, len(classes))
    malignancy = manifest.malignancy
    if malignancy.calibration not in manifest.calibrations:
        raise ReleaseError(f"the manifest lacks the calibration {malignancy.calibration!r}")
    if not (0 < malignancy.slope < math.inf and math.isfinite(malignancy.intercept)):
        raise ReleaseError("the manifest's malignancy needs a slope above 0 and an intercept")
    if not 0 < malignancy.threshold <= 1:
        raise ReleaseError(
            f"the manifest's malignancy threshold is {malignancy.threshold}, not in (0, 1]"
        )
    if manifest.max_views < 1:
        raise ReleaseError(f"the manifest allows {manifest.max_views} views, not at least 1")
    if strange := sorted(set(manifest.quality) - set(LIMITS)):
        raise ReleaseError(f"the manifest has unknown limits of quality: {', '.join(strange)}")
    if MODEL not in manifest.files:
        raise ReleaseError(f"the manifest's files lack {MODEL}")
    if manifest.in_distribution_threshold is not None and DETECTOR not in manifest.files:
        raise ReleaseError(f"the manifest's files lack {DETECTOR}")
    return manifest


def _calibrated(document: dict[str, Any]) -> dict[str, Any]:
    """The fields of a Manifest that turn outputs into an answer."""
    malignancy, detector = document["malignancy"], document["in_distribution"]
    return {
        "calibrations": {
            name: _calibration(document["calibration"][name]) for name in (DECISION, *PRIORS)
        },
        "malignancy": Malignancy(
            str(malignancy["calibration"]),
            *(float(malignancy[key]) for key in ("slope", "intercept", "threshold")),
        ),
        "max_views": int(document["input"]["max_views"]),
        "in_distribution_threshold": float(detector["threshold"]) if detector else None,
        # Releases whose detector goes by the distance alone have none.
        "in_distribution_log_odds": float((detector or {}).get("log_odds", 0)),
        "quality": {name: float(limit) for name, limit in document["quality"]["limits"].items()},
    }


def _first_schema(document: dict[str, Any]) -> dict[str, Any]:
    calibration = _calibration(document["calibration"])
    threshold = float(document["malignancy"]["threshold"])
    return {
        "calibrations": {DECISION: calibration, "uniform": calibration},
        # The mere sum of the shown probabilities.
        "malignancy": Malignancy(DECISION, slope=1, intercept=0, threshold=threshold),
        "max_views": 1,
        "in_distribution_threshold": None,
        "in_distribution_log_odds": 0.0,
        "quality": {},
    }


def _calibration(fields: dict[str, Any]) -> Calibration:
    offsets = tuple(float(offset) for offset in fields["offsets"])
    return Calibration(offsets, float(fields["temperature"]))


def _check_calibration(name: str, calibration: Calibration, classes: int) -> None:
    offsets, temperature = calibration.offsets, calibration.temperature
    if len(offsets) != classes or not all(map(math.isfinite, offsets)):
        raise ReleaseError(f"the manifest's offsets of {name} are {offsets}, not one a class")
    if not 0 < temperature < math.inf:
        raise ReleaseError(f"the manifest's temperature of {name} is {temperature}, not above 0")
