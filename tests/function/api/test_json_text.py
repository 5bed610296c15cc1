"""Written JSON is read back unchanged by the standard library."""

import json
from typing import Any

import pytest

from lesionlens.api.json_text import encode


@pytest.mark.parametrize(
    "document",
    [
        {"a": [1, 2.5, None, True], "é": "×"},
        {"tiny": 5e-324, "large": 1e300, "third": 1 / 3},
        {"half of a pair": "\ud800", "whole": "😀"},
        {"controls": '\x00\x1f\u2028"\\/'},
    ],
)
def test_what_is_written_is_read_again(document: dict[str, Any]) -> None:
    assert json.loads(encode(document)) == document


def test_an_answer_has_no_spaces() -> None:
    assert encode({"a": [1, {"b": 2}]}) == b'{"a":[1,{"b":2}]}'
