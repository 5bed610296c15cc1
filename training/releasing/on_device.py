"""Checks whether the page's interpreter gives the same outputs as LiteRT for a model, bit for bit.

The interpreter is JavaScript (`web/device/`), run here by Node.js. Without Node.js, or without the
page beside the training job, the result is unknown.
"""

import json
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..evaluation import inference

INTERPRETER = Path(__file__).parents[2] / "web" / "device"
KERNELS = ("simd", "plain")
IMAGES = 16  # number compared; the kernel without WebAssembly takes seconds for each
SAME = "the same outputs as LiteRT, bit for bit"
LIMIT_S = 600


class Refused(Exception):
    """The interpreter does not support the model."""


def check(data: bytes, frames: NDArray[np.uint8]) -> str:
    """Return `SAME`, or why the interpreter cannot run a LiteRT model; frames (N, S, S, 3)."""
    if not INTERPRETER.is_dir() or shutil.which("node") is None:
        return "not tried: this machine has no Node.js, or no page"
    some = frames[:IMAGES]
    try:
        found = run(data, some)
    except Refused as refused:
        return f"not possible: the page's interpreter lacks {refused}"
    for name, expected in inference.run(data, some, list(found)).items():
        if not np.array_equal(found[name], expected.reshape(len(some), -1)):
            return f"other {name} than LiteRT's"
    return SAME


def run(
    data: bytes, frames: NDArray[np.uint8], kernel: str = KERNELS[0]
) -> dict[str, NDArray[np.float32]]:
    """Outputs of the page's interpreter for (N, S, S, 3) frames, by name, each flattened.

    Raises Refused; OSError and subprocess.CalledProcessError if Node.js fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        # Older versions of Node.js treat .js files as modules only with this entry.
        modules = shutil.copytree(INTERPRETER, Path(folder) / "device")
        (modules / "package.json").write_text('{"type": "module"}')
        model, images = Path(folder) / "model.tflite", Path(folder) / "images"
        model.write_bytes(data)
        images.write_bytes(frames.astype("<f4").tobytes())
        script = Path(__file__).with_suffix(".mjs")
        command = ["node", str(script), str(modules), str(model), str(images), kernel]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=LIMIT_S)
    head, _, body = done.stdout.partition(b"\n")
    said = json.loads(head)
    if "refused" in said:
        raise Refused(said["refused"])
    lengths: dict[str, int] = said["outputs"]
    rows = np.frombuffer(body, "<f4").reshape(len(frames), sum(lengths.values()))
    parts = np.split(rows, np.cumsum(list(lengths.values()))[:-1], axis=1)
    return dict(zip(lengths, parts, strict=True))
