"""Whether other processes use the machine, from /proc/stat."""

import pytest

from tests.benchmarks import __main__ as bench
from tests.benchmarks import machine


def test_the_share_that_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = iter([(100, 1000), (130, 1070)])
    monkeypatch.setattr(machine, "_times", lambda: next(looks))
    assert machine.busy(0) == pytest.approx(0.3)


def test_the_cores_time_is_read() -> None:
    (used, idle), (later_used, later_idle) = machine._times(), machine._times()
    assert used > 0
    assert idle > 0
    assert later_used + later_idle >= used + idle


def test_a_busy_machine_stops_the_benchmark(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(machine, "busy", lambda: 0.5)
    monkeypatch.setattr(bench, "CALM_S", 0.0)
    with pytest.raises(bench.BusyError, match="others use 50% of the processor"):
        bench.main([])


def test_results_of_a_busy_machine_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        bench.main(["--busy"])
    assert "a part is no benchmark to keep" in capsys.readouterr().err
