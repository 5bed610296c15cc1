"""From the model's outputs to the result that a client reads."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..imaging.decode import Caution
from ..imaging.preprocess import Prepared
from .diagnoses import TAXONOMY
from .manifest import Calibration, Malignancy, Manifest
from .ood import CLOSE_UP, OTHER, Recognition
from .options import Options

NOTICE = (
    "Not a medical diagnosis. LesionLens is not a cleared medical device; "
    "when in doubt, show the lesion to a doctor."
)

# What to tell of an image that is not dermatoscopic, by what it is instead.
NOT_DERMATOSCOPIC = {
    CLOSE_UP: Caution(
        "not-dermatoscopic",
        "The image looks like a photograph of skin taken without a dermatoscope; no class is "
        "named. Take it through a dermatoscope, or show the skin to a doctor.",
    ),
    OTHER: Caution(
        "not-dermatoscopic",
        "The image does not look like a dermatoscopic image of a skin lesion; no class is named.",
    ),
}


@dataclass(frozen=True)
class Timing:
    """Milliseconds spent in each stage."""

    decode: float
    inference: float
    total: float


def probabilities(logits: NDArray[np.floating[Any]], by: Calibration) -> NDArray[np.float64]:
    """Calibrated probabilities (…, classes) that sum to 1, from logits of the same shape."""
    scaled = _scaled(logits, by)
    exponentials = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    shares: NDArray[np.float64] = exponentials / exponentials.sum(axis=-1, keepdims=True)
    return shares


def malignant_log_odds(
    logits: NDArray[np.floating[Any]], classes: tuple[str, ...], by: Calibration
) -> NDArray[np.float64]:
    """Log-odds (…) of the malignant classes together, from (…, classes) logits."""
    scaled = _scaled(logits, by)
    malignant = np.array([TAXONOMY[label].malignant for label in classes])
    odds: NDArray[np.float64] = np.logaddexp.reduce(
        scaled[..., malignant], axis=-1
    ) - np.logaddexp.reduce(scaled[..., ~malignant], axis=-1)
    return odds


def malignancy(log_odds: NDArray[np.float64], by: Malignancy) -> NDArray[np.float64]:
    """Probability (…) that a lesion is malignant.

    Source: Platt, "Probabilistic outputs for support vector machines", 1999.
    """
    # Far enough for any float64 to be 0 or 1, and no overflow.
    mapped = np.clip(by.slope * log_odds + by.intercept, -700, 700)
    return np.asarray(1 / (1 + np.exp(-mapped)))


def _scaled(logits: NDArray[np.floating[Any]], by: Calibration) -> NDArray[np.float64]:
    return np.asarray((logits.astype(np.float64) + by.offsets) / by.temperature)


def build(
    request_id: str,
    manifest: Manifest,
    decoded: Prepared,
    options: Options,
    logits: NDArray[np.float64],
    recognition: Recognition | None,
    cautions: tuple[Caution, ...],
    timing: Timing,
) -> dict[str, Any]:
    """Return the result for one image.

    ``logits``: (classes,), averaged over the views; ``recognition``: what the image is, None if
    there is no detector; ``cautions`` beside those of the file.
    """
    shares = probabilities(logits, manifest.calibrations[options.calibration])
    entries = [
        _entry(label, float(share)) for label, share in zip(manifest.classes, shares, strict=True)
    ]
    best = entries[int(np.argmax(shares))]
    mapping = manifest.malignancy
    odds = malignant_log_odds(logits, manifest.classes, manifest.calibrations[mapping.calibration])
    malignant = float(malignancy(odds, mapping))
    recognized = recognition is None or recognition.in_distribution
    if recognition and not recognized:
        cautions = (NOT_DERMATOSCOPIC[recognition.kind], *cautions)
    return {
        "request_id": request_id,
        "model": {"name": manifest.name, "version": manifest.version},
        "prediction": (
            {key: best[key] for key in ("label", "name", "probability")} if recognized else None
        ),
        "prior": options.calibration,
        "views": options.views,
        "probabilities": sorted(entries, key=lambda entry: -entry["probability"]),
        "malignancy": (
            {
                "probability": malignant,
                "threshold": mapping.threshold,
                "flag": malignant >= mapping.threshold,
            }
            if recognized
            else None
        ),
        "input": {
            "width": decoded.width,
            "height": decoded.height,
            # Without a detector it is unknown, not "yes".
            "kind": recognition.kind if recognition else None,
            "in_distribution": recognized if recognition else None,
            "score": round(recognition.distance, 4) if recognition else None,
            "warnings": [
                {"code": warning.code, "message": warning.message}
                for warning in (*decoded.warnings, *cautions)
            ],
        },
        "timing_ms": {
            "decode": round(timing.decode, 2),
            "inference": round(timing.inference, 2),
            "total": round(timing.total, 2),
        },
        "notice": NOTICE,
    }


def _entry(label: str, share: float) -> dict[str, Any]:
    disease = TAXONOMY[label]
    return {
        "label": label,
        "name": disease.name,
        "probability": share,
        "malignant": disease.malignant,
    }
