"""What the service answers; /openapi.json describes each field.

Answers only grow: there may be fields that are not listed here.
"""

from typing import NotRequired, TypedDict


class Model(TypedDict):
    name: str
    version: str


class Prediction(TypedDict):
    label: str
    name: str
    probability: float


class ClassProbability(Prediction):
    malignant: bool


class Prior(TypedDict):
    """How frequent the classes were taken to be."""

    name: str
    malignant: float  # share


class Decision(TypedDict):
    """What the flag rests on, always under the default prior."""

    prior: str
    probability: float
    threshold: float


class Malignancy(TypedDict):
    probability: float  # the sum over the malignant classes
    flag: bool
    decision: Decision


class Warned(TypedDict):
    code: str
    message: str


class Input(TypedDict):
    width: int
    height: int
    kind: str | None
    in_distribution: bool | None
    score: float | None
    warnings: list[Warned]


class Region(TypedDict):
    """The part of the image that the model saw, as shares of its sides."""

    x: float
    y: float
    width: float
    height: float


class Explanation(TypedDict):
    label: str
    method: str
    grid: list[list[float]]
    region: Region
    overlay_png: NotRequired[str]  # base64


class TimingMs(TypedDict):
    decode: float
    inference: float
    total: float


class Record(TypedDict, total=False):
    """What was sent beside the image."""

    subject: str
    identifier: str
    body_site: str


class Result(TypedDict):
    """What the model says of one image.

    ``prediction`` and ``malignancy`` are None if the image is not a dermatoscopic one.
    """

    request_id: str
    model: Model
    prediction: Prediction | None
    prior: Prior
    views: int
    probabilities: list[ClassProbability]
    malignancy: Malignancy | None
    input: Input
    explanation: NotRequired[Explanation]
    timing_ms: TimingMs
    record: NotRequired[Record]
    test: NotRequired[bool]
    notice: str


class Problem(TypedDict):
    """An error (RFC 9457); ``type`` leads to a page that explains it."""

    type: str
    title: str
    status: int
    detail: str
    request_id: str


class Entry(TypedDict):
    """An image of a batch, with its result or its problem."""

    index: int
    id: NotRequired[str]
    result: NotRequired[Result]
    problem: NotRequired[Problem]
