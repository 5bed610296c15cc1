"""The figures of merit in a manifest, with intervals: how they are written and read."""

from typing import Annotated, TypedDict

from msgspec import Meta, Struct

Count = Annotated[int, Meta(ge=0, le=10**9)]
Fraction = Annotated[float, Meta(ge=0, le=1)]


class Interval(TypedDict):
    """A figure with its 95% interval; all None where the figure is undefined."""

    value: float | None
    low: float | None
    high: float | None


class OriginRates(Struct, frozen=True, forbid_unknown_fields=True):
    """Of the images of one origin: how the flag does, and how malignancy orders them."""

    images: Count
    lesions: Count
    malignant: Count  # images
    sensitivity: Interval
    specificity: Interval
    auc: Interval


class OperatingPoint(Struct, frozen=True, forbid_unknown_fields=True):
    """Sensitivity and specificity of the flag: origins weighing alike, and each by itself."""

    sensitivity: Interval
    specificity: Interval
    by_origin: dict[str, OriginRates]


class ClassMetrics(Struct, frozen=True, forbid_unknown_fields=True):
    images: Count
    lesions: Count
    sensitivity: Interval
    specificity: Interval
    auc: Interval


class UnderPrior(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Figures of the class that stands first, as they are under a prior."""

    prior: str
    balanced_accuracy: Interval
    accuracy: Interval
    per_class: dict[str, ClassMetrics]
    confusion_matrix: tuple[tuple[Count, ...], ...]  # rows truth, columns prediction


class PartMetrics(UnderPrior, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Figures of one part of the data, under the uniform prior; ``default``: under the usual."""

    images: Count
    lesions: Count
    macro_auc: Interval
    default: UnderPrior
