from typing import Any

import pytest
from werkzeug.datastructures import MultiDict

from lesionlens.api import parameters
from lesionlens.errors import MalformedRequest
from lesionlens.model.options import PREDICTED, Options
from tests import releases

MANIFEST = releases.manifest()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], {}),
        ([("explain", "false")], {}),
        ([("explain", "true")], {"explain": PREDICTED}),
        ([("explain", "nv"), ("overlay", "false")], {"explain": "nv", "overlay": False}),
        ([("views", "4"), ("prior", "uniform")], {"views": 4, "prior": "uniform"}),
        ([("prior", "dataset")], {}),
        ([("prevalence", "0.05")], {"prevalence": 0.05}),
        ([("prevalence", "1e-3")], {"prevalence": 0.001}),
        ([("prevalence", "0.0001")], {"prevalence": 0.0001}),
    ],
)
def test_options(arguments: list[tuple[str, str]], expected: dict[str, Any]) -> None:
    assert parameters.read(MultiDict(arguments), MANIFEST) == Options(**expected)


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
        ([("prior", "decision")], "prior is 'decision'; accepted are dataset, uniform"),
        ([("prior", "prevalence")], "prior is 'prevalence'; accepted are dataset, uniform"),
        ([("prior", "uniform"), ("prevalence", "0.1")], "both prior and prevalence; accepted is"),
        *(
            ([("prevalence", value)], f"prevalence is '{shown}'; accepted is the share of")
            for value, shown in [
                *((text, text) for text in ("0", "1", "5", "0.00009", "0.99991", "-0.1", "nan")),
                *((text, text) for text in ("inf", "1e400", "", " 0.1", "0,1", "0_1", "٠.١")),
                ("5%", "5%"),
                ("0." + "1" * 60, "0." + "1" * 38),
            ]
        ),
        ([("prevalence", "0.1"), ("prevalence", "0.2")], "prevalence is '0.1, 0.2'"),
        ([("overlay", "1")], "overlay is '1'; accepted are true, false"),
    ],
)
def test_wrong_queries_are_refused(arguments: list[tuple[str, str]], message: str) -> None:
    with pytest.raises(MalformedRequest, match=message):
        parameters.read(MultiDict(arguments), MANIFEST)
