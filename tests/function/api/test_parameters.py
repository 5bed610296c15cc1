from typing import Any

import pytest
from werkzeug.datastructures import MultiDict

from lesionlens.api import parameters
from lesionlens.errors import MalformedRequest
from lesionlens.model.manifest import DECISION, parse_manifest
from lesionlens.model.options import PREDICTED, Options
from tests import releases

MANIFEST = parse_manifest(releases.MANIFEST_DOCUMENT)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], {}),
        ([("explain", "false")], {}),
        ([("explain", "true")], {"explain": PREDICTED}),
        ([("explain", "nv"), ("overlay", "false")], {"explain": "nv", "overlay": False}),
        ([("views", "4"), ("prior", "uniform")], {"views": 4, "calibration": "uniform"}),
    ],
)
def test_options(arguments: list[tuple[str, str]], expected: dict[str, Any]) -> None:
    assert parameters.read(MultiDict(arguments), MANIFEST) == Options(**expected)
    assert Options().calibration == DECISION


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([("explain", "maybe")], "explain is 'maybe'; accepted are true, false, akiec, bcc"),
        ([("explain", "")], "explain is ''"),
        ([("explain", "mel"), ("explain", "nv")], "explain is 'mel, nv'"),
        ([("explian", "true")], "unknown parameter 'explian'; accepted are explain, overlay"),
        ([("views", "0")], "views is '0'; accepted are 1, 2, 3"),
        ([("views", "9")], "views is '9'; accepted are 1, 2, 3"),
        ([("views", "²")], "views is '²'"),
        ([("prior", "decision")], "prior is 'decision'; accepted are uniform, dataset"),
        ([("overlay", "1")], "overlay is '1'; accepted are true, false"),
    ],
)
def test_wrong_queries_are_refused(arguments: list[tuple[str, str]], message: str) -> None:
    with pytest.raises(MalformedRequest, match=message):
        parameters.read(MultiDict(arguments), MANIFEST)
