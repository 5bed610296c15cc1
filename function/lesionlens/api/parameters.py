"""The query of a classification: what may be asked for in the address."""

from collections.abc import Sequence

from werkzeug.datastructures import MultiDict

from ..errors import MalformedRequest
from ..model.manifest import DECISION, Manifest
from ..model.options import PREDICTED, Options

EXPLAIN, OVERLAY, VIEWS, PRIOR = NAMES = ("explain", "overlay", "views", "prior")


def read(arguments: MultiDict[str, str], manifest: Manifest) -> Options:
    """Return the options in a query.

    Raises MalformedRequest for a value or a name that is not known: a misspelt one would otherwise
    pass for an answer.
    """
    if unknown := sorted(set(arguments) - set(NAMES)):
        raise MalformedRequest(
            f"The query has the unknown parameter {unknown[0][:40]!r}; "
            f"accepted are {', '.join(NAMES)}."
        )
    priors = [name for name in manifest.calibrations if name != DECISION]
    views = [str(number) for number in range(1, manifest.max_views + 1)]
    explain = _chosen(arguments, EXPLAIN, ["true", "false", *manifest.classes], "false")
    return Options(
        explain={"true": PREDICTED, "false": None}.get(explain, explain),
        overlay=_chosen(arguments, OVERLAY, ["true", "false"], "true") == "true",
        views=int(_chosen(arguments, VIEWS, views, "1")),
        calibration=_chosen(arguments, PRIOR, priors, DECISION),
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
