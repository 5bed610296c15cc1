import json
import logging

import pytest

from lesionlens.api import structured_log


def test_a_line_is_json_with_cloud_loggings_fields(capsys: pytest.CaptureFixture[str]) -> None:
    structured_log.configure(logging.INFO)
    structured_log.line(logging.INFO, "one\nline", status=200)
    line = capsys.readouterr().out
    assert line.count("\n") == 1
    assert json.loads(line) == {"severity": "INFO", "message": "one\nline", "status": 200}


def test_an_error_carries_its_stack_trace(capsys: pytest.CaptureFixture[str]) -> None:
    structured_log.configure(logging.INFO)
    try:
        raise ValueError("rea" + "son")
    except ValueError as error:
        structured_log.error("failed", error, request_id="r")
    fields = json.loads(capsys.readouterr().out)
    assert fields["severity"] == "ERROR"
    assert fields["error"] == "ValueError"
    assert "test_an_error_carries" in fields["stack_trace"]
    assert "reason" not in json.dumps(fields)


def test_what_is_below_the_level_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    structured_log.configure(logging.ERROR)
    structured_log.line(logging.INFO, "unwanted")
    assert capsys.readouterr().out == ""


TRACE, SPAN = "a" * 32, "b" * 16


def test_a_traceparent_becomes_cloud_loggings_trace() -> None:
    assert structured_log.trace_fields(f"00-{TRACE}-{SPAN}-01", "project") == {
        "logging.googleapis.com/trace": f"projects/project/traces/{TRACE}",
        "logging.googleapis.com/spanId": SPAN,
    }


@pytest.mark.parametrize("header", ["", "00", f"00-{'z' * 32}-{SPAN}-01", f"00-{TRACE}-b-01"])
def test_a_wrong_traceparent_is_left_out(header: str) -> None:
    assert structured_log.trace_fields(header, "project") == {}


def test_a_traceparent_of_other_signs_is_left_out() -> None:
    signs = "00-1_1_1_1_1_1_1_1_1_1_1_1_1_1_1_11-00000000000000_1-01"
    assert structured_log.trace_fields(signs, "p") == {}
