"""The generated documents are complete, and those in the repository are up to date."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks import capacity, plots, report, summary
from tests.benchmarks.__main__ import CAPACITY, HERE, README, REPORT, RESULTS, write
from tests.benchmarks.contenders import OURS, PAPER


def test_the_report_shows_every_contender_cell_and_goal(results: dict[str, Any]) -> None:
    text = report.render(results)
    for goal in summary.goals(results):
        assert f"| {goal.text} | {goal.reached} | yes |" in text
    for name, entry in results["contenders"].items():
        cells = summary.CELLS if name in (OURS, PAPER) else summary.BRIEF
        assert text.count(f"| {entry['title']} |") >= 1 + len(cells) + 1, name
    assert "7.00 (6.00–8.00)" in text
    assert results["machine"]["commit"] in text
    widths = {}
    for line in text.splitlines():
        if line.startswith("|---"):
            widths[line.count("|")] = True
        elif line.startswith("|"):
            assert line.count("|") > 2, line


def test_a_goal_that_is_missed_stands_out(results: dict[str, Any]) -> None:
    results["contenders"][PAPER]["first_s"] = [0.6]
    assert "| first answer, file store: at least 6× better | 1.5× | **no** |" in report.render(
        results
    )


def test_everything_is_written(results: dict[str, Any], tmp_path: Path) -> None:
    readme = README.read_text()
    write(results, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {RESULTS.name, REPORT.name, *plots.FILES}
    assert json.loads((tmp_path / RESULTS.name).read_text()) == results
    for name in plots.FILES:
        assert (tmp_path / name).read_bytes()[:4] == b"\x89PNG"
        assert f"({name})" in (tmp_path / REPORT.name).read_text()
    assert README.read_text() == readme


def test_the_block_is_replaced_and_nothing_else() -> None:
    readme = f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n"
    assert report.replaced(readme, "new \\1") == (
        f"before\n{report.BEGIN}\nnew \\1\n{report.END}\nafter\n"
    )
    with pytest.raises(ValueError, match="once"):
        report.replaced("no markers", "new")


def test_what_stands_in_the_repository_is_what_its_data_says() -> None:
    block = report.between(README.read_text())
    if not RESULTS.is_file():
        # Without measurements there must be no claims.
        assert (block, REPORT.exists(), CAPACITY.exists()) == ("", False, False)
        return
    measured = json.loads(RESULTS.read_text())
    assert block == summary.headline(measured) + "\n"
    assert REPORT.read_text() == report.render(measured)
    assert CAPACITY.read_text() == capacity.render(measured)
    assert all((HERE / name).is_file() for name in plots.FILES)
