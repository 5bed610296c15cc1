"""The manifest of a release: all that serving needs to know of it, and its evaluation.

`training.releasing.build_manifest` writes it; `parse` reads and validates it.
"""

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct, field

from ..imaging.image_quality import LIMITS
from ..imaging.model_input import Preprocessing
from .diagnoses import TAXONOMY
from .figures import Interval, PartMetrics
from .manifest_sections import (
    Calibration,
    Data,
    Export,
    InDistribution,
    Input,
    Licence,
    Malignancy,
    Quality,
    StoredFile,
    Strict,
)

SCHEMA_VERSION = 3

MODEL = "model.tflite"
DETECTOR = "detector.npz"

# The priors that every release has: class frequencies of the data set, and equal ones.
DATASET, UNIFORM = PRIORS = ("dataset", "uniform")


class ReleaseError(Exception):
    """A release contradicts itself or this code; the message says where."""


class Manifest(Strict, frozen=True):
    """The whole manifest, as ``GET /v1/model`` returns it."""

    schema_version: int
    version: str
    name: str
    created: str
    git_commit: str
    classes: tuple[str, ...]  # in the order of the model's outputs
    input: Input
    files: dict[str, StoredFile]  # read for serving
    archive: dict[str, StoredFile]  # kept in the bucket only
    licence: Licence
    calibration: Calibration
    priors: dict[str, tuple[Annotated[float, Meta(gt=0, le=1)], ...]]
    malignancy: Malignancy
    in_distribution: InDistribution | None  # None: the release has no detector
    quality: Quality
    views: dict[str, Interval]  # balanced accuracy by number of views; the card says of what
    metrics: dict[str, PartMetrics]
    export: Export
    data: Data
    training: dict[str, Any]  # the configuration
    libraries: dict[str, str]
    evidence: dict[str, Any] = field(default_factory=dict)

    @property
    def preprocessing(self) -> Preprocessing:
        """How an image becomes the model's input. Raises ValueError for unknown options."""
        return Preprocessing.from_dict({"size": self.input.size, **self.input.preprocessing})

    @property
    def in_distribution_threshold(self) -> float | None:
        """The greatest distance of a dermatoscopic image; None without a detector."""
        return self.in_distribution.threshold if self.in_distribution else None

    @property
    def in_distribution_log_odds(self) -> float:
        """The least log-odds of a dermatoscopic image against the other kinds."""
        return self.in_distribution.log_odds if self.in_distribution else 0.0


class _Schema(Struct):
    schema_version: Any = None


def parse(data: bytes) -> Manifest:
    """Read and validate a manifest's JSON. Raises ReleaseError that names the invalid field."""
    try:
        schema = msgspec.json.decode(data, type=_Schema).schema_version
        if schema != SCHEMA_VERSION:
            raise ReleaseError(
                f"the manifest has schema version {schema!r}; this code reads {SCHEMA_VERSION}"
            )
        manifest = msgspec.json.decode(data, type=Manifest)
        _check(manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
        raise ReleaseError(f"the manifest is wrong: {error}") from None
    return manifest


def as_document(manifest: Manifest) -> dict[str, Any]:
    """Return the manifest as it is encoded in JSON, as dictionaries and lists."""
    built: dict[str, Any] = msgspec.to_builtins(manifest)
    return built


def _check(manifest: Manifest) -> None:
    """Check what must hold between fields. Raises ReleaseError, ValueError."""
    classes = manifest.classes
    if unknown := sorted(set(classes) - set(TAXONOMY)):
        raise ReleaseError(f"the manifest has unknown classes: {', '.join(unknown)}")
    malignant = sum(TAXONOMY[label].malignant for label in classes)
    if len(set(classes)) < len(classes) or not 0 < malignant < len(classes):
        raise ReleaseError("the manifest's classes are not all different, or not of both kinds")
    calibration = manifest.calibration
    each_class = {"scales": calibration.scales, "offsets": calibration.offsets, **manifest.priors}
    for name, values in each_class.items():
        if len(values) != len(classes):
            raise ReleaseError(f"the manifest has {len(values)} {name} for {len(classes)} classes")
    if set(manifest.priors) != set(PRIORS):
        found = ", ".join(manifest.priors) or "none"
        raise ReleaseError(f"the manifest has the priors {found}; needed are {', '.join(PRIORS)}")
    for name, shares in manifest.priors.items():
        if abs(sum(shares) - 1) > 1e-3:
            raise ReleaseError(f"the manifest's prior {name!r} sums to {sum(shares)}, not to 1")
    if strange := sorted(set(manifest.quality.limits) - set(LIMITS)):
        raise ReleaseError(f"the manifest has unknown limits of quality: {', '.join(strange)}")
    needed = (MODEL, DETECTOR) if manifest.in_distribution else (MODEL,)
    if missing := sorted(set(needed) - set(manifest.files)):
        raise ReleaseError(f"the manifest's files lack {missing[0]}")
    # Raises ValueError for options that this code does not know.
    _ = manifest.preprocessing
