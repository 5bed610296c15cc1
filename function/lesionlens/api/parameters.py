"""The query parameters of a classification."""

import re
from collections.abc import Sequence

from werkzeug.datastructures import MultiDict

from ..errors import MalformedRequest
from ..model.manifest import DATASET, Manifest
from ..model.options import PREDICTED, Options
from ..model.posterior import MAX_PREVALENCE, MIN_PREVALENCE, PREVALENCE

EXPLAIN, OVERLAY, VIEWS, PRIOR = "explain", "overlay", "views", "prior"
NAMES = (EXPLAIN, OVERLAY, VIEWS, PRIOR, PREVALENCE)
# A number as JSON writes it; float() would also read "nan", "1_0" and digits of other scripts.
_NUMBER = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?")


def read(arguments: MultiDict[str, str], manifest: Manifest) -> Options:
    """Return the options in a query string; the manifest tells which values exist.

    Raises MalformedRequest for an unknown name or value: otherwise a misspelt one would be
    silently ignored.
    """
    if unknown := sorted(set(arguments) - set(NAMES)):
        raise MalformedRequest(
            f"The query has the unknown parameter {unknown[0][:40]!r}; "
            f"accepted are {', '.join(NAMES)}."
        )
    if PRIOR in arguments and PREVALENCE in arguments:
        raise MalformedRequest(
            f"The query has both {PRIOR} and {PREVALENCE}; accepted is one of them."
        )
    views = [str(number) for number in range(1, manifest.input.max_views + 1)]
    explain = _chosen(arguments, EXPLAIN, ["true", "false", *manifest.classes], "false")
    return Options(
        explain={"true": PREDICTED, "false": None}.get(explain, explain),
        overlay=_chosen(arguments, OVERLAY, ["true", "false"], "true") == "true",
        views=int(_chosen(arguments, VIEWS, views, "1")),
        prior=_chosen(arguments, PRIOR, list(manifest.priors), DATASET),
        prevalence=_prevalence(arguments.getlist(PREVALENCE)),
    )


def _chosen(
    arguments: MultiDict[str, str], name: str, accepted: Sequence[str], default: str
) -> str:
    values = arguments.getlist(name)
    if not values:
        return default
    if len(values) == 1 and values[0] in accepted:
        return values[0]
    raise MalformedRequest(
        f"{name} is {', '.join(values)[:40]!r}; accepted are {', '.join(accepted)}."
    )


def _prevalence(values: Sequence[str]) -> float | None:
    if not values:
        return None
    if len(values) == 1 and _NUMBER.fullmatch(values[0]):
        prevalence = float(values[0])
        if MIN_PREVALENCE <= prevalence <= MAX_PREVALENCE:
            return prevalence
    raise MalformedRequest(
        f"{PREVALENCE} is {', '.join(values)[:40]!r}; accepted is the share of malignant lesions, "
        f"a number from {MIN_PREVALENCE} to {MAX_PREVALENCE}."
    )
