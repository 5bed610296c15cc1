"""Distributed training in real processes on one machine, and what happens if one is killed."""

import json
import signal
import socket
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from tests.training import processes
from tests.training.processes import LIMIT_S, QUICK, finish, stop

pytestmark = pytest.mark.slow

# Two devices sum a batch in another order than one, in float32. With XLA's fastest compilation the
# weights differed by 2e-4 at a learning rate of 3e-4; the worker uses a tenth of that.
WEIGHTS_DIFFER = 1e-5
FIGURES_DIFFER = 1e-4


def start(
    folder: Path, *arguments: str, devices: int = 1, **environment: str
) -> subprocess.Popen[str]:
    return processes.start(
        "tests.training.worker",
        str(folder),
        *arguments,
        KERAS_BACKEND="jax",
        # Compiled once for all processes.
        JAX_COMPILATION_CACHE_DIR=str(folder.parent / "compiled"),
        JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS="0",
        JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES="0",
        XLA_FLAGS=f"{QUICK} --xla_force_host_platform_device_count={devices}",
        **environment,
    )


def start_two(folder: Path, *arguments: str) -> list[subprocess.Popen[str]]:
    """A chief in ``folder``/0 and another worker in ``folder``/1, as Vertex AI describes them."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    pools = {"workerpool0": [f"localhost:{port}"], "workerpool1": ["localhost:1"]}
    return [
        start(
            folder / str(index),
            *arguments,
            CLUSTER_SPEC=json.dumps(
                {"cluster": pools, "task": {"type": f"workerpool{index}", "index": 0}}
            ),
        )
        for index in (0, 1)
    ]


def weights(folder: Path) -> list[np.ndarray]:
    with np.load(folder / "weights.npz") as file:
        return [file[name] for name in file.files]


def furthest(first: Path, second: Path) -> float:
    pairs = zip(weights(first), weights(second), strict=True)
    return max(float(np.abs(a - b).max()) for a, b in pairs)


def history(folder: Path) -> list[dict[str, float]]:
    return json.loads((folder / "history").read_text())


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training by ``one`` process, by a process with two ``devices``, by two processes (0, 1)."""
    folder = tmp_path_factory.mktemp("distributed")
    finish(start(folder / "one"), start(folder / "devices", devices=2))
    finish(*start_two(folder))
    return folder


def test_two_workers_end_with_identical_weights(trained: Path) -> None:
    assert furthest(trained / "0", trained / "1") == 0
    assert history(trained / "0") == history(trained / "1")


@pytest.mark.parametrize("shared", ["0", "devices"])
def test_two_workers_or_devices_train_like_one(trained: Path, shared: str) -> None:
    assert furthest(trained / shared, trained / "one") < WEIGHTS_DIFFER
    for found, expected in zip(history(trained / shared), history(trained / "one"), strict=True):
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            assert found[name] == pytest.approx(value, abs=FIGURES_DIFFER), name


def test_only_the_chief_writes(trained: Path) -> None:
    assert (trained / "0" / "checkpoint.json").is_file()
    assert sorted(path.name for path in (trained / "1").iterdir()) == ["history", "weights.npz"]


def test_a_resumed_training_ends_like_an_uninterrupted_one(trained: Path) -> None:
    folder = trained / "killed"
    chief, other = start_two(folder)
    try:
        deadline = time.monotonic() + LIMIT_S
        while not (folder / "0" / "checkpoint.json").exists():
            assert chief.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        other.send_signal(signal.SIGKILL)
        # The chief must not continue alone.
        output, _ = chief.communicate(timeout=LIMIT_S)
        assert chief.returncode != 0, output
        assert not (folder / "0" / "weights.npz").exists()
    finally:
        stop(chief, other)

    # The other worker restarts on a machine without checkpoints: it gets the chief's.
    assert not list((folder / "1").glob("checkpoint*"))
    finish(*start_two(folder, "--resume"))

    assert furthest(folder / "0", folder / "1") == 0
    assert furthest(folder / "0", trained / "0") == 0
    assert history(folder / "0") == history(trained / "0")
