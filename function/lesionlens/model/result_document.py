"""The JSON document of one image's result, as types; openapi.json describes each field.

All probabilities are in [0, 1].
"""

from typing import NotRequired, TypedDict


class ModelName(TypedDict):
    """The model and the version of the release that it belongs to."""

    name: str
    version: str


class Prediction(TypedDict):
    """The most likely class: its label in the manifest, its English name, its probability."""

    label: str
    name: str
    probability: float


class ClassProbability(Prediction):
    """The probability of one class."""

    malignant: bool


class PriorUsed(TypedDict):
    """``name``: as in the query, or "prevalence"; ``malignant``: the share of malignant lesions."""

    name: str
    malignant: float


class Decision(TypedDict):
    """The basis of the flag: the probability under the default prior, and the threshold."""

    prior: str
    probability: float
    threshold: float


class MalignancyFound(TypedDict):
    """``probability`` is the sum over the malignant classes under the prior of the result."""

    probability: float
    flag: bool
    decision: Decision


class Warned(TypedDict):
    """A warning about the image: a code for programs and an English text."""

    code: str
    message: str


class InputSeen(TypedDict):
    """The upright image: its size in pixels, and its kind and distance as in `ood.Recognition`.

    ``kind``, ``in_distribution`` and ``score`` are None if the release has no detector.
    """

    width: int
    height: int
    kind: str | None
    in_distribution: bool | None
    score: float | None
    warnings: list[Warned]


class Region(TypedDict):
    """The part of the image that the model saw, in fractions of its width and height."""

    x: float
    y: float
    width: float
    height: float


class Explanation(TypedDict):
    """A class activation map.

    ``grid``: rows from top to bottom over ``region``, values in [0, 1]; ``overlay_png``: base64.
    """

    label: str
    method: str
    grid: list[list[float]]
    region: Region
    overlay_png: NotRequired[str]


class TimingMs(TypedDict):
    """Milliseconds spent in each stage, without HTTP."""

    decode: float
    inference: float
    total: float


class Record(TypedDict, total=False):
    """Fields that the caller sent with the image, unchanged; see `api.record`."""

    subject: str
    identifier: str
    body_site: str


class Result(TypedDict):
    """The result of one image.

    ``prediction`` and ``malignancy`` are None for an image that is not dermatoscopic;
    ``probabilities`` are sorted from the highest. `pipeline.classify` adds ``explanation``, the
    routes ``record`` and ``test``.
    """

    request_id: str
    model: ModelName
    prediction: Prediction | None
    prior: PriorUsed
    views: int
    probabilities: list[ClassProbability]
    malignancy: MalignancyFound | None
    input: InputSeen
    explanation: NotRequired[Explanation]
    timing_ms: TimingMs
    record: NotRequired[Record]
    test: NotRequired[bool]
    notice: str
