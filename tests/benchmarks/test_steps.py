"""The measurement and report of optimizations."""

from pathlib import Path

import pytest

from tests.benchmarks import machine, steps
from tests.benchmarks.steps import Step


def test_both_sides_are_measured_in_turn_and_the_first_is_not_counted() -> None:
    order: list[str] = []

    def side(name: str, values: list[float]) -> steps.Side:
        def measure() -> float:
            order.append(name)
            return values.pop(0)

        return measure

    step = Step(
        "a step", "something", "ms", side("old", [99.0, 6, 8]), side("new", [99.0, 2, 4])
    )  # fmt: skip
    bought = steps.buy(step, 2)
    assert order == ["new", "old", "old", "new", "new", "old"]
    row = ("a step", "something", "7.00 (6.00–8.00) ms", "3.00 (2.00–4.00) ms", "2.33")
    assert bought.row == row
    text = steps.render([bought], machine.describe(), 2)
    assert f"| {' | '.join(row)} |" in text


@pytest.mark.alone
@pytest.mark.slow
def test_every_step_can_be_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "SECONDS", 1.0)
    found = [(step.without(), step.after()) for step in steps.steps(tmp_path)]
    assert len(found) >= 8
    assert all(without > 0 and after > 0 for without, after in found)


def test_the_steps_in_the_repository_are_all_there(tmp_path: Path) -> None:
    shown = steps.REPORT.read_text()
    for step in steps.steps(tmp_path):
        assert f"| {step.what} | {step.measured} | " in shown
