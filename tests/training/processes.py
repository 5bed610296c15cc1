"""Processes of a training, of which a test starts one or several and waits for their end."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
LIMIT_S = 900
# JAX compiles quickly rather than well.
QUICK = "--xla_backend_optimization_level=0"


def start(module: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    """Start ``python -m module`` with these variables beside those of the test's own."""
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env={**os.environ, "XLA_FLAGS": QUICK, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(*processes: subprocess.Popen[str]) -> None:
    """Wait for all of them; show the end of what one wrote that failed."""
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
