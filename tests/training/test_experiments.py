"""The experiments beside the stages, run by their commands."""

from pathlib import Path

import pytest

from tests.smoke import SHORT, options
from training.__main__ import main
from training.evaluation import leakage, ood_comparison, several_pictures


def test_a_run_is_as_good_as_itself(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = str(made / "run")
    assert main(["compare", run, run]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert {line.partition(":")[0] for line in lines} >= {"log loss, all", "balanced accuracy, all"}
    for line in lines:
        first, second, difference, mean = line.partition(": ")[2].split("; ")
        assert difference == "difference 0.000 (0.000 to 0.000)"
        figure = first.removeprefix("first ")
        assert (second, mean) == (f"second {figure}", f"mean of both {figure}")


@pytest.mark.slow
def test_every_choice_of_layers_is_judged_alike(
    made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["detectors", *options(made)]) == 0
    rows = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines()]
    assert len(rows) == len((*ood_comparison.BLOCKS, *ood_comparison.TOGETHER))
    for _, accepted, *refused in rows:
        # The smoke configuration's images have one origin: leave-one-origin-out is impossible.
        assert accepted == "None"
        assert len(refused) == 3
        assert all(0 <= float(share) <= 1 for share in refused)


def test_each_way_to_combine_pictures_is_measured(
    made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = ("--store", (made / "store").as_uri())
    assert main(["pictures", *options(made), *store]) == 0
    counts, *rows = capsys.readouterr().out.splitlines()
    assert "lesions with several pictures" in counts
    assert [row.partition("  ")[0] for row in rows] == list(several_pictures.WAYS)
    assert all("sensitivity" in row and "specificity" in row for row in rows)


@pytest.mark.slow
def test_the_papers_experiment_is_one_command_and_is_not_repeated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = ("--run", str(tmp_path / "runs"), "--cache", str(tmp_path / "cache"))
    assert main(["paper", *SHORT, *runs]) == 0
    first = capsys.readouterr().out
    for title in leakage.TITLES.values():
        assert f"| {title}: all held-out images |" in first
    assert "0.97 | not given" in first
    times = [path.stat().st_mtime_ns for path in sorted(tmp_path.glob("runs/*/model.keras"))]
    assert len(times) == 3
    assert main(["paper", *SHORT, *runs]) == 0
    again = capsys.readouterr().out
    assert again.rpartition("| how it")[2] == first.rpartition("| how it")[2]
    left = [path.stat().st_mtime_ns for path in sorted(tmp_path.glob("runs/*/model.keras"))]
    assert left == times
