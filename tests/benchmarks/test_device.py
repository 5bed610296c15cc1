"""The parts of the device benchmark that need no browser."""

import os
import subprocess
import sys
import time
from pathlib import Path

from tests.benchmarks import device
from tests.benchmarks.device import Way


def _processor_s(pid: int) -> float:
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def test_a_slowed_process_works_for_a_share_of_the_time_and_goes_on_afterwards() -> None:
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as busy:
        try:
            began, before = time.monotonic(), _processor_s(busy.pid)
            with device.slowed(lambda: [busy.pid], 4):
                time.sleep(1)
            used, seconds = _processor_s(busy.pid) - before, time.monotonic() - began
            state = Path(f"/proc/{busy.pid}/stat").read_text().rpartition(")")[2].split()[0]
        finally:
            busy.kill()
    # A quarter is expected; a busy machine wakes the pacing thread late.
    assert 0 < used < 0.75 * seconds
    assert state != "T"


def test_each_way_is_a_line_of_the_table() -> None:
    slow = Way(2.5, [1.0, 3.0, 2.0], 0.0, 100, 200, 120)
    fast = Way(0.5, [0.25], 61.4, 100, 150, 101)
    lines = device.table({(4, "a", "device"): slow, (1, "a", "server"): fast}).splitlines()
    assert lines[2:] == [
        "| 4× slower | a | device | 2.50 | 2.00 | below 50 | 100 | 200 | 120 |",
        "| full speed | a | server | 0.50 | 0.25 | 61 | 100 | 150 | 101 |",
    ]
