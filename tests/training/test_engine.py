"""TensorFlow trains where JAX is not installed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SHORT = ("--config", "smoke", "--set", "training.stages=[{size=64, epochs=1}]")
LIMIT_S = 900
# Python imports this before the program; importing what it names then fails.
WITHOUT = """
import sys

class Without:
    def find_spec(self, name, *rest):
        if name.partition(".")[0] in {missing!r}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Without())
"""


def start(
    command: str, folder: Path, engine: str, missing: tuple[str, ...] = (), **environment: str
) -> subprocess.Popen[str]:
    site = folder / f"without-{'-'.join(missing)}"
    site.mkdir(exist_ok=True)
    (site / "sitecustomize.py").write_text(WITHOUT.format(missing=missing))
    options = ["--run", str(folder / "run"), "--cache", str(folder / "cache")]
    options += ["--store", (folder / "store").as_uri(), "--version", "v1"]
    return subprocess.Popen(
        [sys.executable, "-m", "training", command, *SHORT, *options],
        cwd=ROOT,
        env={
            **os.environ,
            "KERAS_BACKEND": engine,
            # Compiled quickly rather than well.
            "XLA_FLAGS": "--xla_backend_optimization_level=0",
            "PYTHONPATH": str(site),
            **environment,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(*processes: subprocess.Popen[str]) -> list[str]:
    try:
        outputs = [process.communicate(timeout=LIMIT_S)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
    for process, output in zip(processes, outputs, strict=True):
        assert process.returncode == 0, output[-4000:]
    return outputs


def test_tensorflow_trains_without_jax(tmp_path: Path) -> None:
    for stage in ("split", "train"):
        finish(start(stage, tmp_path, "tensorflow", missing=("jax", "jaxlib")))
    assert (tmp_path / "run" / "model.keras").is_file()
