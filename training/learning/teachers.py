"""Releases that teach: the network also learns their probabilities (knowledge distillation).

Sources: Hinton et al., "Distilling the Knowledge in a Neural Network" (2015); teachers that see the
same augmented image as the network: Beyer et al., "Knowledge distillation: A good teacher is
patient and consistent", CVPR 2022.
"""

import threading
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lesionlens.model.classifier import LOGITS

from .litert import runner


class Teachers:
    """LiteRT models, at least one, whose logits are averaged. Several threads can use them."""

    def __init__(self, models: Sequence[bytes]) -> None:
        self._models = models
        self._own = threading.local()  # an interpreter serves one thread at a time

    def logits(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, C) mean logits for (N, S, S, 3) raw RGB in [0, 255] of any size S."""
        if not hasattr(self._own, "runners"):
            self._own.runners = [runner(data, threads=1) for data in self._models]
        answers = [run(image=images)[LOGITS] for run in self._own.runners]
        return np.asarray(np.mean(answers, axis=0), np.float32)
