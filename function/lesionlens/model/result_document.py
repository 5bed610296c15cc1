"""The JSON document of one image's result, as types; openapi.json describes each field."""

from typing import NotRequired, TypedDict


class ModelName(TypedDict):
    name: str
    version: str


class Prediction(TypedDict):
    label: str
    name: str
    probability: float


class ClassProbability(Prediction):
    malignant: bool


class PriorUsed(TypedDict):
    """``name`` is what the query calls it; ``malignant`` the share of malignant lesions."""

    name: str
    malignant: float


class Decision(TypedDict):
    """The basis of the flag: the probability under the default prior, and the threshold."""

    prior: str
    probability: float
    threshold: float


class MalignancyFound(TypedDict):
    probability: float
    flag: bool
    decision: Decision


class Warned(TypedDict):
    code: str
    message: str


class InputSeen(TypedDict):
    width: int
    height: int
    kind: str | None
    in_distribution: bool | None
    score: float | None
    warnings: list[Warned]


class Region(TypedDict):
    x: float
    y: float
    width: float
    height: float


class Explanation(TypedDict):
    label: str
    method: str
    grid: list[list[float]]
    region: Region
    overlay_png: NotRequired[str]


class TimingMs(TypedDict):
    decode: float
    inference: float
    total: float


class Record(TypedDict, total=False):
    """Fields that the caller sent with the image, unchanged."""

    subject: str
    identifier: str
    body_site: str


class Result(TypedDict):
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
