"""Permitted and forbidden operations in the sandbox, each tried in a new process."""

import signal
import sys

import pytest

from lesionlens.imaging import sandbox
from tests import python_program

MEBIBYTE = 1024 * 1024
DONE, REFUSED, ENDED = "done", "refused", "ended"

# Prints the outcome of an attempt; the pipe to its parent is already open.
SCRIPT = """
import os, resource, signal, socket, sys, threading, time
import numpy as np
from lesionlens.imaging import sandbox
before = sandbox.enter(os.getppid(), 256 * 2**20)
try:
    {attempt}
except (OSError, ValueError, MemoryError, RuntimeError):
    os.write(1, b"refused")
else:
    os.write(1, b"done")
os._exit(0)
"""

ATTEMPTS = {
    "computes": ("np.ones(1000).sum()", DONE),
    "starts a thread": ("t = threading.Thread(target=int); t.start(); t.join()", DONE),
    "reads a file": ("open('/etc/hostname').read()", REFUSED),
    "writes a file": ("open('/tmp/lesionlens-escaped', 'w').write('x')", REFUSED),
    "opens a socket": ("socket.socket()", REFUSED),
    "opens a pair of sockets": ("socket.socketpair()", REFUSED),
    "forks": ("os.fork()", REFUSED),
    "runs a program": ("os.execv('/bin/true', ['true'])", REFUSED),
    "ends another process": ("os.kill(os.getppid(), signal.SIGTERM)", REFUSED),
    "limits another process": (
        "resource.prlimit(os.getppid(), resource.RLIMIT_CPU, (1, 1))",
        REFUSED,
    ),
    "allocates more than it may": ("np.ones(300 * 2**20, np.uint8)", REFUSED),
    "allocates what it may": ("np.ones(200 * 2**20, np.uint8)", DONE),
    "allocates more than allowed since": (
        "sandbox.allow_memory(before + 100 * 2**20); np.ones(200 * 2**20, np.uint8)",
        REFUSED,
    ),
    "raises its own limit": (
        "resource.setrlimit(resource.RLIMIT_NOFILE, (9, 9)); os.open('/etc/hostname', 0)",
        REFUSED,
    ),
    "computes for too long": (
        "sandbox.allow_processor(0.1)\n    while True: pass",
        ENDED,
    ),
    "computes in time": (
        "sandbox.allow_processor(5); sum(range(1000)); sandbox.allow_processor(0)",
        DONE,
    ),
}


@pytest.mark.skipif(sys.platform != "linux", reason="the filter is Linux's")
@pytest.mark.parametrize("name", ATTEMPTS)
def test_the_sandbox_permits_computing_only(name: str) -> None:
    attempt, expected = ATTEMPTS[name]
    environment = {"OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}
    done = python_program.run(SCRIPT.format(attempt=attempt), environment=environment)
    if expected == ENDED:
        assert done.returncode == -signal.SIGPROF
    else:
        assert (done.stdout, done.returncode) == (expected, 0)


@pytest.mark.parametrize("machine", sandbox._SYSTEM_CALLS)
def test_the_filter_of_every_machine_jumps_within_itself(machine: str) -> None:
    """Each instruction's jumps, of at most 255, end at an instruction; the last one returns."""
    code = sandbox._program(*sandbox._SYSTEM_CALLS[machine])
    count = len(code) // 8
    for at in range(count):
        operation, if_true, if_false = code[8 * at], code[8 * at + 2], code[8 * at + 3]
        if operation in (sandbox._JUMP_EQUAL, sandbox._JUMP_SET):
            assert at + 1 + max(if_true, if_false) < count
    assert code[8 * (count - 1)] == sandbox._RETURN
