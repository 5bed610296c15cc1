"""Compiles web/device/kernel.c to WebAssembly: `python -m tests.web.device_kernel`.

The compiler is clang from the package ziglang, which has it for every system; its version is
pinned, so that the same source gives the same bytes.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.web.visitor import WEB

SOURCE, BUILT = WEB / "device" / "kernel.c", WEB / "device" / "kernel.wasm"
STACK_BYTES = 16384  # the kernel keeps its variables in registers
OPTIONS = (
    *("-target", "wasm32-freestanding", "-mcpu=generic+simd128", "-O3", "-nostdlib"),
    *("-Wall", "-Wextra", "-Werror", "-Wl,--no-entry", "-Wl,--strip-all"),
    *("-Wl,--export=__heap_base", f"-Wl,-z,stack-size={STACK_BYTES}"),
)


def build(target: Path) -> None:
    with tempfile.TemporaryDirectory() as cache:
        places = {"ZIG_GLOBAL_CACHE_DIR": cache, "ZIG_LOCAL_CACHE_DIR": cache}
        compiler = [sys.executable, "-m", "ziglang", "cc"]
        subprocess.run(
            [*compiler, *OPTIONS, "-o", str(target), SOURCE.name],
            cwd=SOURCE.parent,
            env={**os.environ, **places},
            check=True,
        )
    target.chmod(0o644)


if __name__ == "__main__":
    build(BUILT)
    print(f"{BUILT}: {BUILT.stat().st_size} bytes")
