"""Describes the machine of a measurement, and checks that it is idle."""

import datetime
import os
import platform
import subprocess
import time
from importlib import metadata
from pathlib import Path
from typing import Any

from tests.conftest import ROOT

# Permitted load by other processes; with more, runs vary more than the compared figures.
MOST_BUSY = 0.1
LOOK_S = 2.0
# Flags of processors with dot products of int8 (VNNI, and Arm's), as /proc/cpuinfo names them.
INT8_FLAGS = {"avx512_vnni", "avx_vnni", "asimddp"}

PACKAGES = ("ai-edge-litert", "tensorflow-cpu", "keras", "onnxruntime", "pillow", "gunicorn")


def describe() -> dict[str, Any]:
    return {
        "processor": _field("/proc/cpuinfo", "model name"),
        "vnni": bool(INT8_FLAGS & set(_flags().split())),
        "cores": os.cpu_count(),
        "memory_gib": round(int(_field("/proc/meminfo", "MemTotal").split()[0]) / 1024**2, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in PACKAGES},
        "load_before": round(os.getloadavg()[0], 2),
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": _commit(),
    }


def busy(seconds: float = LOOK_S) -> float:
    """Return the share of all cores that is in use at the moment, in [0, 1]."""
    before = _times()
    time.sleep(seconds)
    used, idle = (after - earlier for after, earlier in zip(_times(), before, strict=True))
    return used / (used + idle) if used + idle else 0.0


def wait_for_calm(limit_s: float) -> float:
    """Wait for an idle machine, up to a limit; return the share that others use."""
    ends = time.monotonic() + limit_s
    while (share := busy()) > MOST_BUSY and time.monotonic() < ends:
        pass
    return share


def _times() -> tuple[int, int]:
    """Ticks in which the cores were busy and idle (proc(5), /proc/stat)."""
    ticks = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    idle = ticks[3] + ticks[4]
    return sum(ticks) - idle, idle


def _flags() -> str:
    found = _field("/proc/cpuinfo", "flags")
    return found if found != "unknown" else _field("/proc/cpuinfo", "Features")


def _field(path: str, name: str) -> str:
    for line in Path(path).read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return "unknown"


def _commit() -> str:
    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
        return done.stdout.strip()

    changed = git("status", "--porcelain", "--untracked-files=no")
    return (git("rev-parse", "--short", "HEAD") or "unknown") + (" with changes" if changed else "")
