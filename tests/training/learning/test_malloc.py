"""The process of a training reuses freed memory."""

import subprocess
import sys

import pytest

from tests.conftest import ROOT

# Allocates and frees 64 MiB ten times in a thread, as TensorFlow does; prints the page faults.
CODE = """
import resource, sys, threading
import numpy as np
from training.learning import malloc
if sys.argv[1] == "kept":
    malloc.keep_what_is_freed()
def work():
    global faults
    np.ones(8 << 20)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        np.ones(8 << 20)
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
thread = threading.Thread(target=work)
thread.start()
thread.join()
print(faults)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's malloc is what is set")
def test_freed_memory_is_reused() -> None:
    def faults(how: str) -> int:
        command = [sys.executable, "-c", CODE, how]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        return int(done.stdout)

    assert faults("kept") < 0.01 * faults("given back")
