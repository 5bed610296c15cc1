"""From the model's outputs to the result that a client reads."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..imaging.decode import Caution, Decoded
from .diagnoses import TAXONOMY
from .manifest import Calibration, Malignancy, Manifest
from .options import Options

NOTICE = (
    "Not a medical diagnosis. LesionLens is not a cleared medical device; "
    "when in doubt, show the lesion to a doctor."
)

NOT_DERMATOSCOPIC = Caution(
    "not-dermatoscopic",
    "The image does not look like a dermatoscopic image of a skin lesion; no class is named.",
)


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
    decoded: Decoded,
    options: Options,
    logits: NDArray[np.float64],
    score: float | None,
    cautions: tuple[Caution, ...],
    timing: Timing,
) -> dict[str, Any]:
    """Return the result for one image.

    ``logits``: (classes,), averaged over the views; ``score``: how far the image is from
    dermatoscopic ones, None if there is no detector; ``cautions`` beside those of the file.
    """
    shares = probabilities(logits, manifest.calibrations[options.calibration])
    entries = [
        _entry(label, float(share)) for label, share in zip(manifest.classes, shares, strict=True)
    ]
    best = entries[int(np.argmax(shares))]
    mapping = manifest.malignancy
    odds = malignant_log_odds(logits, manifest.classes, manifest.calibrations[mapping.calibration])
    malignant = float(malignancy(odds, mapping))
    recognized = score is None or score <= (manifest.in_distribution_threshold or 0)
    if not recognized:
        cautions = (NOT_DERMATOSCOPIC, *cautions)
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
            "in_distribution": None if score is None else recognized,
            "score": None if score is None else round(score, 4),
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
