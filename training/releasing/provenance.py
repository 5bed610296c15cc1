"""Provenance of a model: commit and library versions."""

import contextlib
import os
import platform
import subprocess
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from msgspec import Struct

LIBRARIES = (
    "tensorflow-cpu",
    "tensorflow",
    "jax",
    "keras",
    "ai-edge-litert",
    "numpy",
    "pillow",
    "scikit-learn",
)


class Origin(Struct, frozen=True):
    """Recorded at the start of a training, for the manifest."""

    created: str  # ISO 8601
    git_commit: str
    libraries: dict[str, str]  # version by name


def origin(created: datetime) -> Origin:
    """Describe the running code and libraries."""
    return Origin(created.isoformat(timespec="seconds"), git_commit(), libraries())


def git_commit() -> str:
    """The commit of the code, with ``+changes`` if files differ from it or are new; or "unknown".

    GIT_COMMIT gives it where there is no repository, as in the training image.
    """
    if given := os.environ.get("GIT_COMMIT"):
        return given
    try:
        commit = _git("rev-parse", "HEAD")
        changed = _git("status", "--porcelain")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{commit}+changes" if changed else commit


def libraries() -> dict[str, str]:
    """Versions of Python and the installed libraries, with either package of TensorFlow."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def processor() -> str:
    """Processor on which latencies were measured; int8 needs special instructions to be fast."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    facts = {key.strip(): value.strip() for key, value in fields.items()}
    name = facts.get("model name", platform.machine())
    return f"{name}, {'with' if 'vnni' in facts.get('flags', '') else 'without'} VNNI"


def _git(*arguments: str) -> str:
    command = ("git", *arguments)
    folder = Path(__file__).parent
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()
