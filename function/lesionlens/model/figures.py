"""The evaluation metrics in a manifest, with 95% confidence intervals, as types."""

from typing import Annotated, TypedDict

from msgspec import Meta, Struct

Count = Annotated[int, Meta(ge=0, le=10**9)]
Fraction = Annotated[float, Meta(ge=0, le=1)]


class Interval(TypedDict):
    """A metric with its 95% confidence interval; all None if the metric is undefined."""

    value: float | None
    low: float | None
    high: float | None


class OriginRates(Struct, frozen=True, forbid_unknown_fields=True):
    """Sensitivity and specificity of the flag, and AUC of malignancy, for images of one origin."""

    images: Count
    lesions: Count
    malignant: Count  # images
    sensitivity: Interval
    specificity: Interval
    auc: Interval


class OperatingPoint(Struct, frozen=True, forbid_unknown_fields=True):
    """Sensitivity and specificity of the flag, averaged over origins and for each origin."""

    sensitivity: Interval
    specificity: Interval
    by_origin: dict[str, OriginRates]


class ClassMetrics(Struct, frozen=True, forbid_unknown_fields=True):
    """Metrics of one class against all others."""

    images: Count
    lesions: Count
    sensitivity: Interval
    specificity: Interval
    auc: Interval


class UnderPrior(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Metrics of the most likely class under one prior."""

    prior: str
    balanced_accuracy: Interval
    accuracy: Interval
    per_class: dict[str, ClassMetrics]
    confusion_matrix: tuple[tuple[Count, ...], ...]  # images; rows: truth, columns: prediction


class PartMetrics(UnderPrior, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Metrics of one part of the data, under the uniform prior; ``default``: the default one."""

    images: Count
    lesions: Count
    macro_auc: Interval
    default: UnderPrior
