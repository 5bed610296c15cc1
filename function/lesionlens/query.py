"""The query of a classification: what may be asked for in the address."""

from collections.abc import Sequence
from dataclasses import dataclass

from werkzeug.datastructures import MultiDict

from .errors import MalformedRequest
from .release import Manifest

EXPLAIN = "explain"
# Stands for whichever class the model will predict.
PREDICTED = "predicted"


@dataclass(frozen=True)
class Options:
    """What one request asks for beside the class."""

    explain: str | None = None  # the class to explain, `PREDICTED`, or None


def read(arguments: MultiDict[str, str], manifest: Manifest) -> Options:
    """Return the options in a query.

    Raises MalformedRequest for a value or a name that is not known: a misspelt one would otherwise
    pass for an answer.
    """
    if unknown := sorted(set(arguments) - {EXPLAIN}):
        raise MalformedRequest(
            f"The query has the unknown parameter {unknown[0][:40]!r}; accepted is {EXPLAIN!r}."
        )
    return Options(explain=_explained(arguments.getlist(EXPLAIN), manifest.classes))


def _explained(values: list[str], classes: Sequence[str]) -> str | None:
    if not values or values == ["false"]:
        return None
    if values == ["true"]:
        return PREDICTED
    if len(values) == 1 and values[0] in classes:
        return values[0]
    raise MalformedRequest(
        f"{EXPLAIN} is {', '.join(values)[:40]!r}; accepted are true, false, {', '.join(classes)}."
    )
