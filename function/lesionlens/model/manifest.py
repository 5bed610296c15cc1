"""The manifest of a release: all that serving needs to know of it, and what was measured of it.

`training.releasing.build_manifest` writes it; `parse` reads and checks it.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from ..imaging.image_quality import LIMITS
from ..imaging.model_input import VIEWS, Preprocessing
from .diagnoses import TAXONOMY
from .figures import Count, Fraction, Interval, OperatingPoint, PartMetrics

SCHEMA_VERSION = 3

MODEL = "model.tflite"
DETECTOR = "detector.npz"

# The priors that every release has: classes as frequent as in the data set, or all alike.
DATASET, UNIFORM = PRIORS = ("dataset", "uniform")

Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
# Of a logit: beyond these it is no calibration.
Scale = Annotated[float, Meta(gt=0, le=1000)]
Offset = Annotated[float, Meta(ge=-1000, le=1000)]


class ReleaseError(Exception):
    """A release contradicts itself or this code; the message says where."""


class Strict(Struct, frozen=True, forbid_unknown_fields=True):
    """A part of the manifest; a field that is unknown or of another type is refused."""


class StoredFile(Strict, frozen=True):
    size: Annotated[int, Meta(gt=0, le=2**31)]  # bytes
    sha256: Sha256


class Calibration(Strict, frozen=True):
    """From logits to log-likelihoods: scales * logits + offsets, one of each a class."""

    method: str
    scales: tuple[Scale, ...]
    offsets: tuple[Offset, ...]


class Malignancy(Strict, frozen=True):
    """What is flagged: a lesion whose probability of being malignant reaches the threshold."""

    prior: Literal["dataset"]  # under which the flag is decided: the default of an answer
    threshold: Annotated[float, Meta(gt=0, le=1)]
    target_sensitivity: Fraction  # on validation, origins weighing alike
    pooled: tuple[str, ...]  # origins with few malignant images, which weigh as one
    validation: OperatingPoint
    test: OperatingPoint


class Input(Strict, frozen=True):
    size: Annotated[int, Meta(ge=1, le=4096)]  # side, pixels
    preprocessing: dict[str, Any]
    max_views: Annotated[int, Meta(ge=1, le=len(VIEWS))]  # that may be averaged for one answer


class Licence(Strict, frozen=True):
    code: str
    weights: str
    text: str


class InDistribution(Strict, frozen=True):
    """A dermatoscopic image lies within the threshold and has at least the log-odds.

    The rest says how the detector was fitted, and what it accepts and refuses. Releases of before
    the classifier of three kinds go by the distance alone, and have ``passed`` and ``caught``.
    """

    threshold: Annotated[float, Meta(gt=0, le=1e6)]  # of the distance
    method: str
    layers: tuple[str, ...]
    components: Count
    fitted_to: Count  # pictures
    log_odds: Annotated[float, Meta(ge=-1e6, le=1e6)] = 0.0
    report: dict[str, Any] = {}  # see training.evaluation.ood_report
    passed: dict[str, Interval] = {}
    caught: dict[str, Any] = {}


class Quality(Strict, frozen=True):
    limits: dict[str, Annotated[float, Meta(ge=0, le=1e6)]]  # see lesionlens.imaging.image_quality
    warned: dict[str, dict[str, Fraction]]
    balanced_accuracy_by_side: dict[str, Fraction]


class Variant(Strict, frozen=True, omit_defaults=True):
    """One of the exported models among which the release was chosen."""

    name: str
    precision: str
    size: Count  # side of the input, pixels
    bytes: Count
    latency_ms: Annotated[float, Meta(ge=0, le=1e6)]
    balanced_accuracy: Fraction
    parity: Fraction
    # Nats under a uniform prior, at the best temperature; None in releases before it was measured.
    log_loss: Annotated[float, Meta(ge=0, le=100)] | None = None


class Export(Strict, frozen=True, omit_defaults=True):
    chosen: str
    variants: tuple[Variant, ...]
    refused: dict[str, str]
    measured_on: str
    # How the page's interpreter does, see training.releasing.on_device.
    on_device: str = "not tried"


class Counted(Strict, frozen=True):
    images: Count
    lesions: Count


class Part(Counted, frozen=True):
    """``sha256``: of the image ids; parts of the same hash hold the same images."""

    sha256: Sha256


class Split(Strict, frozen=True):
    by: str
    seed: int
    train: Part
    validation: Part
    test: Part


class Data(Counted, frozen=True):
    name: str
    fingerprint: Sha256
    distribution: dict[str, Counted]  # by class
    origins: dict[str, dict[str, Count]]  # images by origin and class
    split: Split


class Manifest(Strict, frozen=True):
    """``GET /v1/model`` shows it whole."""

    schema_version: int
    version: str
    name: str
    created: str
    git_commit: str
    classes: tuple[str, ...]  # in the order of the model's outputs
    input: Input
    files: dict[str, StoredFile]  # what serving reads
    archive: dict[str, StoredFile]  # what is kept in the bucket only
    licence: Licence
    calibration: Calibration
    priors: dict[str, tuple[Annotated[float, Meta(gt=0, le=1)], ...]]
    malignancy: Malignancy
    in_distribution: InDistribution | None  # None: the release has no detector
    quality: Quality
    views: dict[str, Interval]  # balanced accuracy by the number of views
    metrics: dict[str, PartMetrics]
    export: Export
    data: Data
    training: dict[str, Any]  # the configuration
    libraries: dict[str, str]
    evidence: dict[str, Any] = {}

    @property
    def preprocessing(self) -> Preprocessing:
        return Preprocessing.from_dict({"size": self.input.size, **self.input.preprocessing})

    @property
    def in_distribution_threshold(self) -> float | None:
        return self.in_distribution.threshold if self.in_distribution else None

    @property
    def in_distribution_log_odds(self) -> float:
        return self.in_distribution.log_odds if self.in_distribution else 0.0


class _Schema(Struct):
    schema_version: Any = None


def parse(data: bytes) -> Manifest:
    """Read and check a manifest's JSON. Raises ReleaseError that names the field that is wrong."""
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
    """The manifest as it stands in JSON."""
    built: dict[str, Any] = msgspec.to_builtins(manifest)
    return built


def _check(manifest: Manifest) -> None:
    """What must hold between the fields. Raises ReleaseError, ValueError."""
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
