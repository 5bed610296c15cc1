"""How much freed memory a process keeps."""

import platform

import pytest

from tests import python_program

# Prints the growth of resident memory in KiB after eight concurrent large uploads.
SCRIPT = """
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from lesionlens.api import heap

def resident():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))

def upload(size):
    large, pieces = b"x" * size, [b"x" * (size // 20) for _ in range(20)]
    barrier.wait()
    del large, pieces
    barrier.wait()

heap.return_freed_memory()
barrier = Barrier(8)
before = resident()
with ThreadPoolExecutor(8) as threads:
    # The first frees raise glibc's dynamic thresholds.
    for size in (30 << 20, 20 << 20, 9 << 20):
        list(threads.map(upload, [size] * 8))
    print(resident() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="mallopt is glibc's")
def test_large_uploads_leave_little_behind() -> None:
    done = python_program.run(SCRIPT)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 64 * 1024
