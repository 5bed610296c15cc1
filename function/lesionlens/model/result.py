"""From the model's outputs to the result document of one image."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..imaging.model_input import Caution, Prepared
from .diagnoses import TAXONOMY
from .manifest import Manifest
from .ood import CLOSE_UP, OTHER, Recognition
from .options import Options
from .posterior import Prior, malignant_share, named_prior, posterior, prior_of_prevalence
from .result_document import ClassProbability, MalignancyFound, Result

NOTICE = (
    "Not a medical diagnosis. LesionLens is not a cleared medical device; "
    "when in doubt, show the lesion to a doctor."
)

# The warnings about an image that is not dermatoscopic, by its kind.
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


def build(
    request_id: str,
    manifest: Manifest,
    decoded: Prepared,
    options: Options,
    logits: NDArray[np.floating[Any]],
    recognition: Recognition | None,
    cautions: tuple[Caution, ...],
    timing: Timing,
) -> Result:
    """Return the result document of one image.

    ``logits``: (classes,), averaged over the views. ``recognition``: the kind of the image; None
    without a detector. ``cautions``: warnings in addition to those of ``decoded``.
    """
    usual = named_prior(manifest, manifest.malignancy.prior)
    prior = (
        named_prior(manifest, options.prior)
        if options.prevalence is None
        else prior_of_prevalence(manifest, options.prevalence)
    )
    probabilities = posterior(logits, manifest.calibration, prior.shares)
    entries = sorted(
        map(_entry, manifest.classes, map(float, probabilities)),
        key=lambda entry: -entry["probability"],
    )
    first = entries[0]
    recognized = recognition is None or recognition.in_distribution
    if recognition and not recognized:
        cautions = (NOT_DERMATOSCOPIC[recognition.kind], *cautions)
    return {
        "request_id": request_id,
        "model": {"name": manifest.name, "version": manifest.version},
        "prediction": (
            {"label": first["label"], "name": first["name"], "probability": first["probability"]}
            if recognized
            else None
        ),
        "prior": {"name": prior.name, "malignant": prior.malignant},
        "views": options.views,
        "probabilities": entries,
        "malignancy": _malignancy(manifest, logits, probabilities, prior, usual)
        if recognized
        else None,
        "input": {
            "width": decoded.width,
            "height": decoded.height,
            # None without a detector: unknown, not true.
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


def _malignancy(
    manifest: Manifest,
    logits: NDArray[np.floating[Any]],
    probabilities: NDArray[np.float64],
    prior: Prior,
    usual: Prior,
) -> MalignancyFound:
    # The flag must not depend on the requested prior: it is always decided under the default one.
    decided_on = (
        probabilities if prior is usual else posterior(logits, manifest.calibration, usual.shares)
    )
    probability = float(malignant_share(decided_on, manifest.classes))
    threshold = manifest.malignancy.threshold
    return {
        "probability": float(malignant_share(probabilities, manifest.classes)),
        "flag": probability >= threshold,
        "decision": {"prior": usual.name, "probability": probability, "threshold": threshold},
    }


def _entry(label: str, probability: float) -> ClassProbability:
    disease = TAXONOMY[label]
    return {
        "label": label,
        "name": disease.name,
        "probability": probability,
        "malignant": disease.malignant,
    }
