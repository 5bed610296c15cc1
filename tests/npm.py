"""Tools that come from npm, each from the package.json of the tests that use it."""

import fcntl
import shutil
import subprocess
from pathlib import Path

LIMIT_S = 600


class Unavailable(Exception):
    """A tool is missing, and why."""


def tool(folder: Path, name: str) -> Path:
    """The path of a tool that `folder`'s package.json names, or that one of its packages brings.

    All of package.json is installed on first use, by one process: the others wait for it.

    Raises:
        Unavailable: There is no npm, or it could not install them.
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
