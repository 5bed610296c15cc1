"""The sections of a release's manifest, as types; openapi.json describes each field."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from ..imaging.model_input import VIEWS
from .figures import Count, Fraction, Interval, OperatingPoint

Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
# Of a logit; beyond these bounds it is not a calibration.
Scale = Annotated[float, Meta(gt=0, le=1000)]
Offset = Annotated[float, Meta(ge=-1000, le=1000)]


class Strict(Struct, frozen=True, forbid_unknown_fields=True):
    """A part of the manifest; decoding raises an error for unknown fields and wrong types."""


class StoredFile(Strict, frozen=True):
    """Size and hash of a file of the release, checked when it is loaded."""

    size: Annotated[int, Meta(gt=0, le=2**31)]  # bytes
    sha256: Sha256


class Calibration(Strict, frozen=True):
    """From logits to log-likelihoods: scales * logits + offsets, one of each per class."""

    method: str
    scales: tuple[Scale, ...]
    offsets: tuple[Offset, ...]


class Malignancy(Strict, frozen=True):
    """When a lesion is flagged: if its probability of malignancy reaches the threshold."""

    prior: Literal["dataset"]  # under which the flag is decided: the default of an answer
    threshold: Annotated[float, Meta(gt=0, le=1)]
    target_sensitivity: Fraction  # on validation, with equal weights for all origins
    pooled: tuple[str, ...]  # origins with few malignant images, which together weigh as one
    validation: OperatingPoint
    test: OperatingPoint


class Input(Strict, frozen=True):
    """What the model takes: an RGB image of ``size`` × ``size`` pixels."""

    size: Annotated[int, Meta(ge=1, le=4096)]  # pixels
    preprocessing: dict[str, Any]  # `imaging.model_input.Preprocessing` without its size
    max_views: Annotated[int, Meta(ge=1, le=len(VIEWS))]  # that may be averaged for one answer


class Licence(Strict, frozen=True):
    """The names of the licences of code and weights, and in ``text`` what they mean."""

    code: str
    weights: str
    text: str


class InDistribution(Strict, frozen=True):
    """The detector of dermatoscopic images: its limits, its fit, and what it accepts and rejects.

    A dermatoscopic image has at most the distance ``threshold`` and at least the ``log_odds``.
    Releases that predate the classifier of three kinds use the distance alone, and have ``passed``
    and ``caught`` instead of ``report``.
    """

    threshold: Annotated[float, Meta(gt=0, le=1e6)]  # of the distance
    method: str
    layers: tuple[str, ...]
    components: Count
    fitted_to: Count  # images
    log_odds: Annotated[float, Meta(ge=-1e6, le=1e6)] = 0.0
    report: dict[str, Any] = {}  # see training.evaluation.ood_report
    passed: dict[str, Interval] = {}
    caught: dict[str, Any] = {}


class Quality(Strict, frozen=True):
    """The limits beyond which an answer warns of poor image quality, and their evaluation."""

    limits: dict[str, Annotated[float, Meta(ge=0, le=1e6)]]  # see lesionlens.imaging.image_quality
    warned: dict[str, dict[str, Fraction]]  # share of images, by distortion and limit
    balanced_accuracy_by_side: dict[str, Fraction]  # by the image's shorter side in pixels


class Variant(Strict, frozen=True, omit_defaults=True):
    """One of the exported models among which the release was chosen."""

    name: str
    precision: str
    size: Count  # side of the input, pixels
    bytes: Count
    latency_ms: Annotated[float, Meta(ge=0, le=1e6)]  # median of one image on one thread
    balanced_accuracy: Fraction
    parity: Fraction  # mean absolute difference of the probabilities from the Keras model's
    # Nats under a uniform prior, at the best temperature; None in releases before it was measured.
    log_loss: Annotated[float, Meta(ge=0, le=100)] | None = None


class Export(Strict, frozen=True, omit_defaults=True):
    """How the variant that is served was chosen."""

    chosen: str  # the name of a variant
    variants: tuple[Variant, ...]
    refused: dict[str, str]  # reasons, by the name of the variant
    measured_on: str  # the processor of the latencies
    # Whether the page's interpreter computes the same, see training.releasing.on_device.
    on_device: str = "not tried"


class Counted(Strict, frozen=True):
    """Numbers of images, and of the lesions that they show."""

    images: Count
    lesions: Count


class Part(Counted, frozen=True):
    """``sha256``: of the image ids; parts with the same hash hold the same images."""

    sha256: Sha256


class Split(Strict, frozen=True):
    """How the data were split: by lesion, with the seed of the random generator."""

    by: str
    seed: int
    train: Part
    validation: Part
    test: Part


class Data(Counted, frozen=True):
    """The data set of the training."""

    name: str
    fingerprint: Sha256
    distribution: dict[str, Counted]  # by class
    origins: dict[str, dict[str, Count]]  # images by origin and class
    split: Split
