"""Starts and ends training processes for tests."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
LIMIT_S = 900
# Makes JAX compile fast instead of optimizing.
QUICK = "--xla_backend_optimization_level=0"


def start(module: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    """Start ``python -m module`` with additional environment variables."""
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env={**os.environ, "XLA_FLAGS": QUICK, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(*processes: subprocess.Popen[str]) -> None:
    """Wait for all processes; if one failed, show the end of its output."""
    try:
        for process in processes:
            output, _ = process.communicate(timeout=LIMIT_S)
            assert process.returncode == 0, output[-4000:]
    finally:
        stop(*processes)


def stop(*processes: subprocess.Popen[str]) -> None:
    for process in processes:
        process.kill()
        process.communicate()
