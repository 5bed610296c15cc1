"""Runs the network with Keras or LiteRT on (N, S, S, 3) uint8 RGB frames."""

import os
from collections.abc import Sequence

import keras
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from lesionlens.model.classifier import LOGITS

from ..learning.litert import runner


def predict_keras(network: keras.Model, frames: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(N, C) logits of the Keras model for (N, S, S, 3) frames."""
    return np.asarray(network.predict(frames, batch_size=32, verbose="auto"), np.float64)


def predict(data: bytes, frames: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(N, C) logits of a LiteRT model for (N, S, S, 3) frames."""
    return run(data, frames, (LOGITS,))[LOGITS].astype(np.float64)


def run(
    data: bytes, frames: NDArray[np.uint8], outputs: Sequence[str]
) -> dict[str, NDArray[np.float32]]:
    """Outputs (N, …) of a LiteRT model, by name, for (N, S, S, 3) frames."""
    answering = runner(data, os.cpu_count() or 1)
    found: dict[str, list[NDArray[np.float32]]] = {name: [] for name in outputs}
    for frame in tqdm(frames, "predicting", unit="image", leave=False):
        answer = answering(image=frame[np.newaxis].astype(np.float32))
        for name, rows in found.items():
            rows.append(answer[name][0])
    return {name: np.array(rows) for name, rows in found.items()}
