"""The arithmetic of capacity planning."""

import math
from typing import Any

import pytest

from tests.benchmarks import capacity
from tests.benchmarks.capacity import Setting


def test_the_cheapest_setting_is_the_one_with_the_lowest_price(results: dict[str, Any]) -> None:
    found = capacity.settings(results)
    best = capacity.cheapest(found)
    # A second core has no effect if uploads take most of the time.
    assert (best.cores, best.concurrency) == (1, 8)
    assert best.dollars == min(setting.dollars for setting in found)


def test_instances_are_rounded_up_at_the_utilization() -> None:
    setting = Setting(cores=1, concurrency=8, rate=100, p95_ms=90, peak_mib=90)
    # Eight slots, each occupied for half a second, are the limit, not the processor.
    assert setting.images == pytest.approx(0.6 * 8 / 0.5)
    assert setting.instances(9) == 1
    assert setting.instances(10) == 2
    assert setting.instances(10_000) == math.ceil(10_000 / 9.6)
    quick = Setting(cores=1, concurrency=80, rate=100, p95_ms=90, peak_mib=90)
    assert quick.images == pytest.approx(60)


def test_instances_that_are_awake_meet_fewer_cold_starts(results: dict[str, Any]) -> None:
    best = capacity.cheapest(capacity.settings(results))
    nothing, awake = capacity.simulated(best, 2.0, 100)
    assert awake.share < nothing.share < 1
    # Requests that arrive before the first instance is ready wait for it.
    assert nothing.cold >= 100


def test_quiet_services_meet_more(results: dict[str, Any]) -> None:
    best = capacity.cheapest(capacity.settings(results))
    shares = [capacity.quiet(best, 2.0, minutes).share for minutes in (5, 15, 60)]
    assert shares == sorted(shares)
    assert shares[1] == pytest.approx(math.exp(-1), abs=0.05)
    # Uptime checks keep an instance running.
    assert capacity.checked(best, 2.0, 60, 48).starts == 1


def test_the_document_names_what_was_measured_and_assumed(results: dict[str, Any]) -> None:
    text = capacity.render(results)
    assert "| **1** | **8** | **100** |" in text
    assert "| 10,000 | 1,042 |" in text
    assert "| a trial | 20 | 45% | 40% | 8 | 7 | 0.25 | 0.20 |" in text
    assert "**Instances a region** (assumed 100): enough for 960 images a second" in text
