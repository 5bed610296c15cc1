import pytest

from training.learning import scaling
from training.learning.scaling import Step

ONE = Step(all_s=1.0, batch_s=0.1)


def test_extrapolated_to_one_worker_a_step_is_the_measured_one() -> None:
    assert scaling.exchange_s(1) == 0
    assert scaling.on_paper(ONE, 1) == ONE.all_s


def test_extrapolation_to_two_workers() -> None:
    # 12.8 MB each way at 1.25 GB/s, and 108 messages with twice 50 µs latency.
    exchange = 12.8e6 / 1.25e9 + 108 * 2 * 50e-6
    assert scaling.exchange_s(2) == pytest.approx(exchange)
    assert scaling.on_paper(ONE, 2) == pytest.approx(0.9 / 2 + 0.1 + exchange)


def test_both_tables_are_written() -> None:
    lines = scaling.text({1: ONE, 2: Step(all_s=0.6, batch_s=0.1)}).splitlines()
    assert "| 2 | 600 | 100 | 1.67 |" in lines
    assert "| 1 | 900 | 100 | 0.0 | 1000 | 1.00 |" in lines
    assert "| 2 | 450 | 100 | 21.0 | 571 | 1.75 |" in lines


def test_more_workers_than_cores_are_refused() -> None:
    with pytest.raises(ValueError, match="4096 workers need as many cores"):
        scaling.measure(4096)


@pytest.mark.slow
def test_two_workers_share_a_step() -> None:
    step = scaling.measure(2, steps=scaling.LEFT_OUT + 1)
    assert 0 < step.batch_s < step.all_s
