"""Where a model comes from: the commit and the library versions that made it."""

import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

LIBRARIES = ("tensorflow-cpu", "keras", "ai-edge-litert", "numpy", "pillow", "scikit-learn")


def git_commit() -> str:
    """The commit of the code, with ``+changes`` if it was changed since; or "unknown"."""
    try:
        commit = _git("rev-parse", "HEAD")
        changed = _git("status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{commit}+changes" if changed else commit


def libraries() -> dict[str, str]:
    return {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}}


def _git(*arguments: str) -> str:
    command = ("git", *arguments)
    folder = Path(__file__).parent
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()
