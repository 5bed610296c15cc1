"""The options of a classification request."""

from dataclasses import dataclass

from .manifest import DATASET

# Stands for the class with the highest probability.
PREDICTED = "predicted"


@dataclass(frozen=True)
class Options:
    """The options of one classification; the defaults are those of a plain request."""

    explain: str | None = None  # the class to explain, `PREDICTED`, or None
    overlay: bool = True  # whether an explanation includes the heat map as a PNG
    views: int = 1  # how many views of the image are averaged
    prior: str = DATASET  # its name in the manifest
    # The share of malignant lesions among the caller's patients; if given, it replaces `prior`.
    prevalence: float | None = None
