"""Runs Python programs in a process of their own, for effects that must not reach the tests'."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

FUNCTION = Path(__file__).parents[1] / "function"
LIMIT_S = 120


def run(
    program: str, *options: str, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the source code ``program`` in function/; its exit status is not checked.

    ``options`` are the interpreter's own; ``environment`` replaces that of the tests.
    """
    return subprocess.run(
        [sys.executable, *options, "-c", program],
        cwd=FUNCTION,
        env=environment,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
