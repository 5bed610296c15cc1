"""Assemble a release: its manifest, which is all that serving needs to know, and its files."""

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lesionlens.imaging.preprocess import Preprocessing
from lesionlens.model.manifest import MODEL, SCHEMA_VERSION

from ..config import Config
from ..data.dataset import CLASSES, Dataset, distribution
from ..data.split import PARTS, Split
from . import card
from .publish import describe

ARCHIVED = "model.keras"
CARD = "MODEL_CARD.md"

LICENCE = {
    "code": "Apache-2.0",
    "weights": "CC BY-NC 4.0",
    "text": (
        "Weights trained on HAM10000 (ViDIR Group, Department of Dermatology, Medical University "
        "of Vienna; doi 10.1038/sdata.2018.161) are for non-commercial use; a commercial partner "
        "must train on data of its own. This is not a cleared medical device."
    ),
}


def describe_model(
    config: Config,
    preprocessing: Preprocessing,
    dataset: Dataset,
    split: Split,
    exported: dict[str, Any],
    served: dict[str, bytes],
    archived: bytes,
    origin: dict[str, Any],
    version: str | None = None,
) -> dict[str, Any]:
    """Return all of the manifest but the evidence: enough to run the model as serving does.

    ``preprocessing`` is that of the exported model; ``exported`` what the stages export and
    safeguard wrote; ``served`` the files that serving reads; ``origin`` what was recorded when the
    training began.
    """
    digest = hashlib.sha256(served[MODEL]).hexdigest()
    options = preprocessing.as_dict()
    return {
        "schema_version": SCHEMA_VERSION,
        "version": version or f"{origin['created'][:10].replace('-', '')}-{digest[:8]}",
        "name": f"mobilenet_{config.width:.2f}_{preprocessing.size}",
        "created": origin["created"],
        "git_commit": origin["git_commit"],
        "classes": list(CLASSES),
        "input": {
            "size": options.pop("size"),
            "preprocessing": options,
            "max_views": max(map(int, exported["views"])),
        },
        "files": describe(served),
        "archive": describe({ARCHIVED: archived}),
        "licence": LICENCE,
        "calibration": exported["calibration"],
        "malignancy": exported["malignancy"],
        "in_distribution": exported["in_distribution"],
        "quality": exported["quality"],
        "views": exported["views"],
        "metrics": exported["metrics"],
        "export": {key: exported[key] for key in ("chosen", "variants", "refused", "measured_on")},
        "data": {
            "name": "drawings" if config.data.generated else "HAM10000",
            "images": len(dataset.records),
            "lesions": len(np.unique(dataset.lesions)),
            "fingerprint": dataset.fingerprint,
            "distribution": {
                label: {"images": images, "lesions": lesions}
                for label, (images, lesions) in distribution(dataset).items()
            },
            "split": {
                "by": "lesion" if config.data.by_lesion else "image",
                "seed": config.seed,
                **{part: _part(dataset, getattr(split, part)) for part in PARTS},
            },
        },
        "training": config.as_json(),
        "libraries": origin["libraries"],
    }


def assemble(
    document: dict[str, Any],
    evidence: dict[str, Any],
    models: dict[str, bytes],
    beside: dict[str, bytes],
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Return the manifest and all other files of the release's folder, by name.

    ``document`` is what `describe_model` made, ``evidence`` what the evidence stage found;
    ``models`` are the files that it describes, ``beside`` the figures and tables that are published
    with them.
    """
    complete = {**document, "evidence": evidence}
    text = card.write(complete)
    return complete, {**models, CARD: text.encode(), **beside}


def _part(dataset: Dataset, indices: NDArray[np.int64]) -> dict[str, Any]:
    ids = "\n".join(record.image_id for record in dataset.subset(indices))
    return {
        "images": len(indices),
        "lesions": len(np.unique(dataset.lesions[indices])),
        # Two releases whose test parts have the same hash were judged on the same images.
        "sha256": hashlib.sha256(ids.encode()).hexdigest(),
    }
