"""Types of the service's answers.

The service's /openapi.json describes every field in full. Later versions of the service may add
fields: ignore those that you do not know.
"""

from typing import NotRequired, TypedDict


class Model(TypedDict):
    """The model that answered."""

    name: str
    """Architecture, such as ``mobilenet_1.00_224``."""
    version: str
    """Version of the release."""


class Prediction(TypedDict):
    """A class and its probability."""

    label: str
    """Short name of the class, such as ``mel``; `Client.labels` lists them."""
    name: str
    """Full name of the class, in English."""
    probability: float
    """From 0 to 1, under the result's ``prior``."""


class ClassProbability(Prediction):
    """A class, its probability, and whether it counts as malignant."""

    malignant: bool
    """Whether the class counts as malignant; pre-malignant classes do."""


class Prior(TypedDict):
    """The class frequencies that the probabilities assume."""

    name: str
    """``dataset``, ``uniform`` or ``prevalence``."""
    malignant: float
    """Share of malignant lesions, from 0 to 1."""


class Decision(TypedDict):
    """The comparison behind ``flag``; always under the default prior."""

    prior: str
    """Name of that prior."""
    probability: float
    """Probability of malignancy under that prior, from 0 to 1."""
    threshold: float
    """Probability from which on the lesion is flagged, from 0 to 1."""


class Malignancy(TypedDict):
    """How suspicious the lesion is."""

    probability: float
    """Sum over the malignant classes of ``probabilities``, from 0 to 1."""
    flag: bool
    """Whether the lesion is flagged as suspicious. False is no all-clear."""
    decision: Decision
    """The comparison behind ``flag``."""


class Warned(TypedDict):
    """A warning about the picture."""

    code: str
    """For programs, such as ``blurred``."""
    message: str
    """For people, in English."""


class Input(TypedDict):
    """Properties of the picture itself."""

    width: int
    """Pixels, after EXIF orientation was applied."""
    height: int
    """Pixels, after EXIF orientation was applied."""
    kind: str | None
    """``dermatoscopic``, ``close-up`` or ``other``; None if the release cannot tell."""
    in_distribution: bool | None
    """Whether it looks like the dermatoscopic training images; None if the release cannot tell."""
    score: float | None
    """Distance from dermatoscopic images: about 1 for these, larger for others."""
    warnings: list[Warned]
    """Mostly empty."""


class Region(TypedDict):
    """The square of the upright image that the model saw, in fractions of the image's sides."""

    x: float
    """Left edge, as a fraction of the width."""
    y: float
    """Upper edge, as a fraction of the height."""
    width: float
    """Width, as a fraction of the image's width."""
    height: float
    """Height, as a fraction of the image's height."""


class Explanation(TypedDict):
    """A heat map of the evidence for one class; present with ``explain``."""

    label: str
    """The class that is explained."""
    method: str
    """``class-activation-map``."""
    grid: list[list[float]]
    """Rows from top to bottom over ``region``; evidence from 0 (none) to 1 (the strongest)."""
    region: Region
    """The part of the image that ``grid`` covers."""
    overlay_png: NotRequired[str]
    """PNG in base64 to lay over the upright image; absent with ``overlay=False``."""


class TimingMs(TypedDict):
    """Time that the service spent on the image, in milliseconds."""

    decode: float
    """From the request's bytes to the model's input."""
    inference: float
    """From the model's input to the probabilities."""
    total: float
    """Both; without the explanation."""


class Record(TypedDict, total=False):
    """Your references to patient and image, which the result repeats and the service never logs."""

    subject: str
    """The patient: a FHIR reference such as ``Patient/123``, a URL or a URN."""
    identifier: str
    """The image's identifier, as ``SYSTEM|VALUE``."""
    body_site: str
    """Where the lesion is: ``SYSTEM|CODE``, or text."""


class Result(TypedDict):
    """The classification of one image. Not a medical diagnosis: show ``notice`` with it."""

    request_id: str
    """Identifies the request in the service's log."""
    model: Model
    """The model that answered."""
    prediction: Prediction | None
    """The most probable class; None if the picture was not recognized as dermatoscopic."""
    prior: Prior
    """The class frequencies that the probabilities assume."""
    views: int
    """Number of copies of the image that were averaged."""
    probabilities: list[ClassProbability]
    """All classes, the most probable first; they sum to 1."""
    malignancy: Malignancy | None
    """How suspicious the lesion is; None if the picture was not recognized as dermatoscopic."""
    input: Input
    """Properties of the picture itself."""
    explanation: NotRequired[Explanation]
    """Heat map; present with ``explain``."""
    timing_ms: TimingMs
    """Time that the service spent on the image, in milliseconds."""
    record: NotRequired[Record]
    """Your references; present if some were sent."""
    test: NotRequired[bool]
    """True for a request with a test key: keep the result out of medical records."""
    notice: str
    """The safety notice to show with the result."""


class Problem(TypedDict):
    """An error, as a problem document (RFC 9457)."""

    type: str
    """Kind of problem, for programs: a path of the service that explains it, or ``about:blank``."""
    title: str
    """Kind of problem, for people, in English."""
    status: int
    """HTTP status, 400 to 599."""
    detail: str
    """What was wrong, what was found and what is accepted, in English."""
    request_id: str
    """Identifies the request in the service's log; empty if a proxy answered."""


class Entry(TypedDict):
    """One image of a batch: exactly one of ``result`` and ``problem`` is present."""

    index: int
    """Position of the image in the request, from 0."""
    id: NotRequired[str]
    """Your name of the image, in requests that gave one; this client gives none."""
    result: NotRequired[Result]
    """The classification."""
    problem: NotRequired[Problem]
    """Why this image could not be classified."""
