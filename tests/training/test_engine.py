"""Each engine trains where the other is not installed; JAX's model is exported by TensorFlow."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from lesionlens import release
from lesionlens.storage import FileStore

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


def test_two_workers_make_one_release(tmp_path: Path) -> None:
    """As Vertex AI starts them: with the same command. TensorFlow is the chief's alone."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    pools = {"chief": [f"localhost:{port}"], "worker": ["localhost:1"]}
    chief, other = (
        json.dumps({"cluster": pools, "task": {"type": pool, "index": 0}}) for pool in pools
    )

    finish(
        start("run", tmp_path, "jax", TF_CONFIG=chief),
        start("run", tmp_path, "jax", missing=("tensorflow",), TF_CONFIG=other),
    )

    manifest = release.load(FileStore(tmp_path / "store"), "v1").manifest
    assert "jax" in manifest.document["libraries"]
    # TensorFlow read the model that JAX wrote, and answers as JAX did.
    judged = json.loads((tmp_path / "run" / "evaluation.json").read_text())
    exported = json.loads((tmp_path / "run" / "export.json").read_text())
    (float32,) = (row for row in exported["variants"] if row["name"] == "float32")
    accuracy = judged["metrics"]["validation"]["balanced_accuracy"]["value"]
    assert float32["balanced_accuracy"] == accuracy
    assert float32["parity"] < 1e-4
