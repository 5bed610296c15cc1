"""One process of a training: `python -m tests.training.worker FOLDER [--resume]`.

It trains as the environment says (KERAS_BACKEND, CLUSTER_SPEC, TF_CONFIG) on images drawn from a
seed, and leaves its weights and history in FOLDER.
"""

import json
import os
import sys
from pathlib import Path

import numpy as np

from training import config
from training.learning import cluster, fit
from training.learning.batches import Examples

# One epoch of the head, and two stages of one epoch of the whole network, at a size that compiles
# once. A tenth of the learning rate: the rounding in which engines differ grows less.
CONFIG = config.load(
    "smoke",
    (
        "training.stages=[{size=32, epochs=1}, {size=32, epochs=1}]",
        "training.learning_rate=3e-5",
        # JAX shares a batch among devices in compiled steps.
        "training.run_eagerly=false",
    ),
)


def examples() -> Examples:
    """64 to train on, and a number for validation that two workers cannot share evenly."""
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
