"""One process of a training: `python -m tests.training.worker FOLDER [--resume]`.

Environment variables select the backend and the cluster (KERAS_BACKEND, CLUSTER_SPEC, TF_CONFIG).
It trains on random images from a fixed seed and writes weights and history to FOLDER.
"""

import json
import os
import sys
from pathlib import Path

import numpy as np

from training import config
from training.learning import cluster, fit
from training.learning.batches import Examples

# One epoch of the head, and two stages of one epoch of the whole network at the same size, which is
# compiled once. A tenth of the learning rate keeps rounding differences small.
CONFIG = config.load(
    "smoke",
    (
        "training.stages=[{size=32, epochs=1}, {size=32, epochs=1}]",
        "training.learning_rate=3e-5",
        # JAX distributes a batch over devices in compiled steps only.
        "training.run_eagerly=false",
    ),
)


def examples() -> Examples:
    """64 training images, and an odd number of validation images for two workers."""
    random = np.random.default_rng(0)
    frames = random.integers(0, 255, (95, 64, 80, 3)).astype(np.uint8)
    labels = np.arange(95) % 7
    origins = np.where(np.arange(95) % 3, "here", "there")
    held_out = (frames[64:, :48, :48].copy(), labels[64:])
    return Examples(frames, labels, np.arange(64), *held_out, origins, origins[64:])


def main(folder: Path, resume: bool) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    team = cluster.from_environment(os.environ)
    network, history = fit.fit(CONFIG, examples(), folder, resume, team=team)
    (folder / "history").write_text(json.dumps(history))
    np.savez(folder / "weights.npz", *network.get_weights())


if __name__ == "__main__":
    main(Path(sys.argv[1]), "--resume" in sys.argv)
