"""The autoscaling rule: cases calculated by hand, and one by a formula."""

import math

import pytest

from tests.benchmarks import fleet
from tests.benchmarks.fleet import Fleet, Request, Rule, Serve, Start, simulate

RULE = Rule(concurrency=1, most=10, idle_s=60)


def test_the_first_request_waits_for_a_start_and_the_next_finds_it_ready() -> None:
    found = simulate([0.0, 5.0], RULE, cold_s=2, service_s=0.1)
    assert (found.requests, found.cold, found.starts) == (2, 1, 1)
    assert found.waited_s == pytest.approx(1)  # mean of two seconds and none


def test_an_idle_instance_ends() -> None:
    assert simulate([0.0, 62.0, 125.0], RULE, cold_s=1, service_s=0.1).starts == 3
    assert simulate([0.0, 60.0, 119.0], RULE, cold_s=1, service_s=0.1).starts == 1


def test_concurrency_saves_starts() -> None:
    crowd = [0.0] * 8
    assert simulate(crowd, Rule(1, 10, 60), 1, 0.1).starts == 8
    assert simulate(crowd, Rule(4, 10, 60), 1, 0.1).starts == 2


def test_at_the_limit_requests_wait_their_turn() -> None:
    found = simulate([0.0] * 4, Rule(1, 2, 60), cold_s=1, service_s=0.5)
    assert (found.starts, found.cold) == (2, 4)
    # Two are served at 1 s, two at 1.5 s.
    assert found.waited_s == pytest.approx(1.25)


def test_instances_that_are_awake_spare_the_start() -> None:
    found = simulate([0.0, 0.0, 0.0], RULE, cold_s=1, service_s=0.1, warm=3)
    assert (found.cold, found.starts, found.waited_s) == (0, 0, 0)


def test_a_freed_instance_takes_who_waits_for_a_start() -> None:
    # The second request starts an instance, but is served by the first one before that is ready.
    found = simulate([0.0, 1.05], RULE, cold_s=1, service_s=0.1)
    assert (found.starts, found.cold) == (2, 1)
    assert found.waited_s == pytest.approx((1 + 0.05) / 2)


def test_a_lone_visitor_meets_a_cold_start_as_often_as_the_formula_says() -> None:
    # With Poisson arrivals, an instance has ended if the gap is longer than it idles.
    arrivals = list(fleet.poisson(1 / 60, 60 * 4000))
    found = simulate(arrivals, RULE, cold_s=0.01, service_s=0.01)
    assert len(arrivals) == pytest.approx(4000, rel=0.05)
    assert found.share == pytest.approx(math.exp(-1), abs=0.03)


def test_a_busy_service_hardly_starts_at_all() -> None:
    # 100 a second, 10 ms each: one busy on average.
    found = simulate(fleet.poisson(100, 60), RULE, cold_s=0.5, service_s=0.01)
    assert found.share < 0.05
    assert found.starts <= RULE.most


def test_the_rule_takes_the_instance_that_was_used_last() -> None:
    scaled = Fleet(Rule(1, 2, 60))
    scaled.warm(2, 0.0)
    (first,) = scaled.arrive(Request(1.0), 1.0)
    assert isinstance(first, Serve)
    scaled.finish(first.instance, 2.0)
    (second,) = scaled.arrive(Request(3.0), 3.0)
    assert second.instance is first.instance
    # The other one has been idle for 61 s and ends; the busy one stays.
    (third,) = scaled.arrive(Request(61.0), 61.0)
    assert isinstance(third, Start)
    assert len(scaled.ended) == 1


def test_arrivals_are_in_order_and_repeatable() -> None:
    arrivals = list(fleet.poisson(10, 20))
    assert arrivals == sorted(arrivals) == list(fleet.poisson(10, 20))
    assert list(fleet.bursts(2, 5, 2)) == [0, 0, 5, 5]
