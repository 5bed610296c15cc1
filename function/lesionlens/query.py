"""The query of a classification: what may be asked for in the address."""

from collections.abc import Sequence

from werkzeug.datastructures import MultiDict

from .errors import MalformedRequest

EXPLAIN = "explain"
# Stands for whichever class the model will predict.
PREDICTED = "predicted"


def explained_label(arguments: MultiDict[str, str], classes: Sequence[str]) -> str | None:
    """Return the class to explain, `PREDICTED`, or None.

    Raises MalformedRequest for a value or a name that is not known: a misspelt one would otherwise
    pass for an answer.
    """
    if unknown := sorted(set(arguments) - {EXPLAIN}):
        raise MalformedRequest(
            f"The query has the unknown parameter {unknown[0][:40]!r}; accepted is {EXPLAIN!r}."
        )
    values = arguments.getlist(EXPLAIN)
    if not values or values == ["false"]:
        return None
    if values == ["true"]:
        return PREDICTED
    if len(values) == 1 and values[0] in classes:
        return values[0]
    raise MalformedRequest(
        f"{EXPLAIN} is {', '.join(values)[:40]!r}; accepted are true, false, {', '.join(classes)}."
    )
