"""infra/judge.py: when a candidate is worse, not worse, or has too few requests."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from infra.judge import GOOD, TOO_FEW, WORSE, main


def lines(revision: str, *requests: tuple[int, float], path: str = "/v1/classify") -> list[Any]:
    """Log entries of requests, given by status and seconds."""
    return [
        {
            "resource": {"labels": {"revision_name": revision}},
            "httpRequest": {"status": status, "latency": f"{seconds}s", "requestUrl": path},
            "severity": "INFO",
        }
        for status, seconds in requests
    ]


def run(monkeypatch: pytest.MonkeyPatch, entries: list[Any], *arguments: str) -> int:
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(entries)))
    return main(["new", "old", "--requests", "20", *arguments])


SOUND = [(200, 0.02)] * 20
KILLED = {"resource": {"labels": {"revision_name": "new"}}, "severity": "CRITICAL"}


@pytest.mark.parametrize(
    ("candidate", "serving", "verdict"),
    [
        (lines("new", *SOUND), lines("old", *SOUND), GOOD),
        # One failure among few requests is enough, unless the serving revision fails as often.
        (lines("new", *SOUND, (500, 0.1)), lines("old", *SOUND), WORSE),
        (lines("new", *SOUND, (503, 0.1)), lines("old", *SOUND, (503, 0.1)), GOOD),
        (lines("new", (500, 0.1)), lines("old", *SOUND), WORSE),
        (lines("new", *SOUND * 5, (500, 0.1)), lines("old", *SOUND), GOOD),
        ([*lines("new", *SOUND), KILLED], lines("old", *SOUND), WORSE),
        # Client errors do not count.
        (lines("new", *SOUND, (415, 0.01), (429, 0.01)), lines("old", *SOUND), GOOD),
        (lines("new", *[(200, 0.5)] * 20), lines("old", *SOUND), WORSE),
        (lines("new", *[(200, 0.11)] * 20), lines("old", *SOUND), GOOD),
        (lines("new", *[(200, 1.4)] * 20), lines("old", *[(200, 1.0)] * 20), GOOD),
        # One slow request, the first of an instance, is not the 95th percentile of twenty.
        (lines("new", *SOUND[1:], (200, 3.0)), lines("old", *SOUND), GOOD),
        (lines("new", *SOUND[:19]), lines("old", *SOUND), TOO_FEW),
        (lines("new", *SOUND), lines("old", *SOUND[:19]), TOO_FEW),
        (lines("new", *SOUND, path="/health"), lines("old", *SOUND), TOO_FEW),
        ([], [], TOO_FEW),
    ],
)
def test_a_candidate_is_judged_against_the_serving_revision(
    candidate: list[Any], serving: list[Any], verdict: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(monkeypatch, [*serving, *candidate]) == verdict


def test_without_traffic_the_serving_revision_is_what_it_was(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    baseline = tmp_path / "baseline"
    both = [*lines("new", *SOUND), *lines("old", *SOUND)]
    assert run(monkeypatch, both, "--write-baseline", str(baseline)) == GOOD

    arguments = ("--baseline", str(baseline))
    assert run(monkeypatch, lines("new", *SOUND), *arguments) == GOOD
    assert run(monkeypatch, lines("new", *[(200, 0.5)] * 20), *arguments) == WORSE
    assert "the 95th percentile is 0.500 s, at most 0.120 s" in capsys.readouterr().out
