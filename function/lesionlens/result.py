"""From the model's outputs to the result that a client reads."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .image import Decoded
from .release import Manifest
from .taxonomy import TAXONOMY

NOTICE = (
    "Not a medical diagnosis. LesionLens is not a cleared medical device; "
    "when in doubt, show the lesion to a doctor."
)


@dataclass(frozen=True)
class Timing:
    """Milliseconds spent in each stage."""

    decode: float
    inference: float
    total: float


def probabilities(logits: NDArray[np.float32], manifest: Manifest) -> NDArray[np.float64]:
    """Calibrated probabilities (…, classes) that sum to 1, from logits of the same shape."""
    scaled = (logits.astype(np.float64) + manifest.offsets) / manifest.temperature
    exponentials = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    shares: NDArray[np.float64] = exponentials / exponentials.sum(axis=-1, keepdims=True)
    return shares


def malignancy(shares: NDArray[np.float64], classes: tuple[str, ...]) -> NDArray[np.float64]:
    """Probability (…) that the lesion is of a malignant class, from (…, classes) probabilities."""
    malignant = np.array([TAXONOMY[label].malignant for label in classes])
    total: NDArray[np.float64] = shares @ malignant
    return total


def build(
    request_id: str,
    manifest: Manifest,
    decoded: Decoded,
    shares: NDArray[np.float64],
    timing: Timing,
) -> dict[str, Any]:
    """Return the result for one image, given its (classes,) probabilities."""
    entries = [
        _entry(label, float(share)) for label, share in zip(manifest.classes, shares, strict=True)
    ]
    best = entries[int(np.argmax(shares))]
    # Clipped: a sum of rounded shares may pass 1 by a rounding error.
    malignant = min(1.0, float(malignancy(shares, manifest.classes)))
    return {
        "request_id": request_id,
        "model": {"name": manifest.name, "version": manifest.version},
        "prediction": {key: best[key] for key in ("label", "name", "probability")},
        "probabilities": sorted(entries, key=lambda entry: -entry["probability"]),
        "malignancy": {
            "probability": malignant,
            "threshold": manifest.malignancy_threshold,
            "flag": malignant >= manifest.malignancy_threshold,
        },
        "input": {
            "width": decoded.width,
            "height": decoded.height,
            # This release schema has no detector of foreign images: unknown, not "yes".
            "in_distribution": None,
            "score": None,
            "warnings": [
                {"code": warning.code, "message": warning.message} for warning in decoded.warnings
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
