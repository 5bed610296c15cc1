"""Medians, ratios, goals and costs of known results."""

from typing import Any

import pytest

from infra import cost
from tests.benchmarks import summary
from tests.benchmarks.contenders import OURS, PAPER
from tests.benchmarks.inputs import JPEG
from tests.benchmarks.summary import Spread


def test_the_median_of_the_rounds_comes_with_its_spread() -> None:
    spread = Spread.of([9.0, 7.0, 8.0])
    assert spread == Spread(8.0, 7.0, 9.0)
    assert spread.text() == "8.00 (7.00–9.00)"
    assert Spread.of([1.0, 2.0]).median == 1.5
    with pytest.raises(ValueError, match="nothing was measured"):
        Spread.of([])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1234, "0.123"),
        (1.234, "1.23"),
        (12.34, "12.3"),
        (123.4, "123"),
        (1234.0, "1,234"),
        (0, "0"),
    ],
)
def test_figures_have_three_digits(value: float, text: str) -> None:
    assert summary.figure(value) == text


def test_ratios_compare_with_the_paper(results: dict[str, Any]) -> None:
    times = summary.ratios(results)
    assert times["first answer, file store"] == pytest.approx(20)
    assert times["first answer, object storage"] == pytest.approx(40 / 3)
    assert times["warm median latency"] == pytest.approx(20)
    assert times["images a second"] == pytest.approx(20)
    assert times["memory"] == pytest.approx((60 * 20 + 32) / (60 + 32))
    assert times["deployed size"] == pytest.approx(20)


def test_goals_are_judged_by_their_limits(results: dict[str, Any]) -> None:
    assert all(goal.met for goal in summary.goals(results))
    results["contenders"][OURS]["first_s"] = [0.79, 0.81, 0.85]
    for measured in results["contenders"][OURS]["cells"][summary.cell(JPEG, 1)]:
        measured["p50_ms"] += 10
    results["models"]["accuracy"][1]["balanced_accuracy"] = 0.7649
    missed = {goal.text for goal in summary.goals(results) if not goal.met}
    assert missed == {
        "first answer under 0.5 s",
        "warm median under 1.35× of the floor",
        "warm median latency: at least 10× better",
        "balanced accuracy at most 0.005 below the float model",
    }


def test_a_million_images_cost_what_the_formula_says() -> None:
    # 10,000 s of two cores and half a gibibyte.
    expected = 10_000 * (2 * cost.CPU_SECOND + 0.5 * cost.MEMORY_GIB_SECOND) + 0.40
    assert summary.per_million(100, 2, 0.5) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("peak_mib", "gib"), [(90, 0.5), (409, 0.5), (411, 1), (900, 2), (100_000, 8)]
)
def test_booked_memory_leaves_a_quarter_free(peak_mib: float, gib: float) -> None:
    assert summary.instance_gib(peak_mib) == gib


def test_the_headline_shows_both_and_their_ratio(results: dict[str, Any]) -> None:
    text = summary.headline(results)
    assert "| warm latency, median of one client | 7.00 ms | 140 ms | 20.0× |" in text
    assert "2 cores (a processor, with VNNI, 2026-01-02)" in text
    assert "takes 0.60 s" in text
    assert results["contenders"][PAPER]["title"] not in text
