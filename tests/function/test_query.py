import pytest
from werkzeug.datastructures import MultiDict

from lesionlens import query
from lesionlens.errors import MalformedRequest

CLASSES = ("mel", "nv")


@pytest.mark.parametrize(
    ("values", "expected"),
    [([], None), (["false"], None), (["true"], query.PREDICTED), (["nv"], "nv")],
)
def test_explained_label(values: list[str], expected: str | None) -> None:
    arguments = MultiDict([("explain", value) for value in values])
    assert query.explained_label(arguments, CLASSES) == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([("explain", "maybe")], "explain is 'maybe'; accepted are true, false, mel, nv"),
        ([("explain", "")], "explain is ''"),
        ([("explain", "mel"), ("explain", "nv")], "explain is 'mel, nv'"),
        ([("explian", "true")], "unknown parameter 'explian'; accepted is 'explain'"),
    ],
)
def test_wrong_queries_are_refused(arguments: list[tuple[str, str]], message: str) -> None:
    with pytest.raises(MalformedRequest, match=message):
        query.explained_label(MultiDict(arguments), CLASSES)
