"""The same training on JAX, where there is no TensorFlow; and the export, which needs it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SHORT = ("--config", "smoke", "--set", "training.stages=[{size=64, epochs=1}]")
LIMIT_S = 900
# Imported by Python itself before the program: importing TensorFlow then fails.
WITHOUT_TENSORFLOW = """
import sys

class Without:
    def find_spec(self, name, *rest):
        if name.partition(".")[0] == "tensorflow":
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Without())
"""


def run(stage: str, folder: Path, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    options = ("--run", str(folder / "run"), "--cache", str(folder / "cache"))
    return subprocess.run(
        [sys.executable, "-m", "training", stage, *SHORT, *options],
        cwd=ROOT,
        env={
            **os.environ,
            "KERAS_BACKEND": "jax",
            "XLA_FLAGS": "--xla_backend_optimization_level=0",
            "PYTHONPATH": str(path or ""),
        },
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )


def test_jax_trains_without_tensorflow_and_the_export_starts_it(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(WITHOUT_TENSORFLOW)
    for stage in ("data", "split", "train", "evaluate"):
        done = run(stage, tmp_path, tmp_path / "site")
        assert done.returncode == 0, done.stderr[-4000:]
    judged = json.loads((tmp_path / "run" / "evaluation.json").read_text())

    done = run("export", tmp_path)

    assert done.returncode == 0, done.stderr[-4000:]
    exported = json.loads((tmp_path / "run" / "export.json").read_text())
    # TensorFlow read the model that JAX wrote, and answers as JAX did.
    (float32,) = (row for row in exported["variants"] if row["name"] == "float32")
    accuracy = judged["metrics"]["validation"]["balanced_accuracy"]["value"]
    assert float32["balanced_accuracy"] == accuracy
    assert float32["parity"] < 1e-4
