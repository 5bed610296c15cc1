"""The report and exit status for pip-audit's findings."""

import pytest

from infra.audit_dependencies import main, report

FOUND = {"id": "PYSEC-1", "fix_versions": ["2.0"], "aliases": [], "description": ""}


def test_a_finding_fails_and_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    flask = {"name": "flask", "version": "1.0", "vulns": [FOUND]}
    numpy = {"name": "numpy", "version": "1.0", "vulns": []}
    assert report([flask, numpy], "pypi") == 1
    printed = capsys.readouterr().out
    assert "flask: PYSEC-1, fixed in 2.0\n2 of 2 dependencies audited, 1 with" in printed
    assert "NOT AUDITED" not in printed


def test_dependencies_that_were_not_audited_are_reported(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert report([{"name": "flask", "skip_reason": "not found"}], "pypi") == 0
    printed = capsys.readouterr().out
    assert "0 of 1 dependencies audited" in printed
    assert "NOT AUDITED, unknown to pypi or out of reach: flask" in printed


def test_a_service_that_does_not_exist_is_refused() -> None:
    with pytest.raises(SystemExit, match="accepted are pypi and osv"):
        main(["nvd"])
