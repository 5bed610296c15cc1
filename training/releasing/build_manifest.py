"""Assembles a release: its files and its manifest, from which serving takes all settings."""

import hashlib
from collections import Counter
from datetime import datetime

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from lesionlens.imaging.model_input import Preprocessing
from lesionlens.model.manifest import SCHEMA_VERSION, Manifest
from lesionlens.model.manifest_sections import (
    Counted,
    Data,
    Export,
    Input,
    Licence,
    Part,
    Split,
    StoredFile,
)

from ..config import Config
from ..data import dataset as data_sets
from ..data import split as splits
from ..data.dataset import CLASSES, Dataset
from ..evaluation.analysis import Evidence
from ..evaluation.evaluate import Evaluation
from ..evaluation.guardrails import Safeguards
from . import card
from .provenance import Origin
from .publish import describe

ARCHIVED = "model.keras"
CARD = "MODEL_CARD.md"

LICENCE = Licence(
    code="Apache-2.0",
    weights="CC BY-NC 4.0",
    text=(
        "Weights trained on HAM10000 (ViDIR Group, Department of Dermatology, Medical University "
        "of Vienna; doi 10.1038/sdata.2018.161) are for non-commercial use; a commercial partner "
        "must train on data of its own. This is not a cleared medical device."
    ),
)


class Exported(Struct, frozen=True):
    """Result of the stage export: the variants, and the figures of the shipped one."""

    model_sha256: str  # of the Keras model
    export: Export
    evaluation: Evaluation


def describe_model(
    config: Config,
    preprocessing: Preprocessing,
    dataset: Dataset,
    split: splits.Split,
    exported: Exported,
    safeguards: Safeguards,
    served: dict[str, bytes],
    archived: bytes,
    origin: Origin,
    version: str | None = None,
) -> Manifest:
    """Return the manifest without evidence, which suffices to run the model with the serving code.

    ``preprocessing``: of the exported model; ``served``: the files that serving reads; ``origin``:
    recorded at the start of the training.
    """
    files = describe(served)
    options = preprocessing.as_dict()
    evaluation = exported.evaluation
    return Manifest(
        schema_version=SCHEMA_VERSION,
        version=version or default_version(origin.created, files),
        name=f"mobilenet_{config.width:.2f}_{preprocessing.size}",
        created=origin.created,
        git_commit=origin.git_commit,
        classes=CLASSES,
        input=Input(
            size=options.pop("size"),
            preprocessing=options,
            max_views=max(map(int, safeguards.views)),
        ),
        files=files,
        archive=describe({ARCHIVED: archived}),
        licence=LICENCE,
        calibration=evaluation.calibration,
        priors=evaluation.priors,
        malignancy=evaluation.malignancy,
        in_distribution=safeguards.in_distribution,
        quality=safeguards.quality,
        views=safeguards.views,
        metrics=evaluation.metrics,
        export=exported.export,
        data=_data(config, dataset, split),
        training=config.as_json(),
        libraries=origin.libraries,
    )


def default_version(created: str, files: dict[str, StoredFile]) -> str:
    """Date of an ISO 8601 time, and eight digits of a hash of all served files."""
    hashes = "".join(files[name].sha256 for name in sorted(files))
    digest = hashlib.sha256(hashes.encode()).hexdigest()
    return f"{datetime.fromisoformat(created):%Y%m%d}-{digest[:8]}"


def _data(config: Config, dataset: Dataset, split: splits.Split) -> Data:
    counts = Counter((record.origin, record.dx) for record in dataset.records)
    return Data(
        name="drawings" if config.data.generated else " + ".join(np.unique(dataset.origins)),
        images=len(dataset.records),
        lesions=len(np.unique(dataset.lesions)),
        fingerprint=dataset.fingerprint,
        distribution={
            label: Counted(images, lesions)
            for label, (images, lesions) in data_sets.distribution(dataset).items()
        },
        origins={
            origin: {label: counts[origin, label] for label in CLASSES if counts[origin, label]}
            for origin in np.unique(dataset.origins).tolist()
        },
        split=Split(
            by="lesion" if config.data.by_lesion else "image",
            seed=config.seed,
            train=_part(dataset, split.train),
            validation=_part(dataset, split.validation),
            test=_part(dataset, split.test),
        ),
    )


def _part(dataset: Dataset, indices: NDArray[np.int64]) -> Part:
    ids = "\n".join(record.image_id for record in dataset.subset(indices))
    return Part(
        images=len(indices),
        lesions=len(np.unique(dataset.lesions[indices])),
        sha256=hashlib.sha256(ids.encode()).hexdigest(),
    )


def assemble(
    manifest: Manifest,
    evidence: Evidence,
    models: dict[str, bytes],
    beside: dict[str, bytes],
) -> tuple[Manifest, dict[str, bytes]]:
    """Return the manifest and all other files of the release's folder, by name.

    ``manifest``: from `describe_model`; ``evidence``: from the stage evidence; ``models``: the
    files that the manifest lists; ``beside``: other files to publish, such as figures.
    """
    complete = msgspec.structs.replace(manifest, evidence=msgspec.to_builtins(evidence))
    text = card.write(complete, evidence)
    return complete, {**models, CARD: text.encode(), **beside}
