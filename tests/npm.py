"""Installs tools from npm, from the package.json of the tests that use them."""

import fcntl
import shutil
import subprocess
from pathlib import Path

LIMIT_S = 600


class Unavailable(Exception):
    """A tool cannot be used; the message says why."""


def tool(folder: Path, name: str) -> Path:
    """Return the path of a tool that is a dependency in `folder`'s package.json.

    On first use, one process installs all dependencies while others wait for it.

    Raises:
        Unavailable: npm is missing or failed.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise Unavailable("npm is not installed")
    path = folder / "node_modules" / ".bin" / name
    with (folder / "package-lock.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            command = [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
            done = subprocess.run(
                command, cwd=folder, capture_output=True, text=True, timeout=LIMIT_S
            )
            if done.returncode:
                raise Unavailable(f"npm ci failed: {done.stderr[-300:]}")
    return path
