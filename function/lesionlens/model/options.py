"""The options of a classification request."""

from dataclasses import dataclass

from .manifest import DATASET

# The class that the model predicts, whichever that is.
PREDICTED = "predicted"


@dataclass(frozen=True)
class Options:
    """The options of one classification; the defaults are those of a plain request."""

    explain: str | None = None  # the class to explain, `PREDICTED`, or None
    overlay: bool = True  # whether an explanation comes with a picture
    views: int = 1  # how many views of the image are averaged
    prior: str = DATASET  # by its name in the manifest
    # The share of malignant lesions among the caller's patients; takes the place of `prior`.
    prevalence: float | None = None
