"""Learning rate schedules."""

from dataclasses import asdict, dataclass
from typing import Any

import keras

from ..config import Training


@dataclass(frozen=True)
class Cycle:
    """One cycle, in steps: its start, its warm-up, and the start and length of its decay."""

    first: int
    warmup: int
    decay_from: int
    decay: int


def planned(training: Training, batches: int) -> "Cycles":
    """The schedule of the whole network's training, with ``batches`` steps in each epoch."""
    lengths = [0]
    for stage in training.stages:
        if stage.restart:
            lengths.append(0)
        lengths[-1] += stage.epochs
    cycles, first = [], 0
    for epochs in lengths:
        decay = training.decay_epochs or epochs - training.warmup_epochs
        cycles.append(
            Cycle(
                first=first * batches,
                warmup=round(training.warmup_epochs * batches),
                decay_from=round((first + epochs - decay) * batches),
                decay=round(decay * batches),
            )
        )
        first += epochs
    return Cycles(training.learning_rate, [asdict(cycle) for cycle in cycles])


@keras.saving.register_keras_serializable("lesionlens")
class Cycles(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """Cycles of linear warm-up, constant rate and cosine decay to 0.

    The length of the constant part, and later cycles, do not change earlier steps: a training can
    be extended while it runs and still conform to its configuration. Source: Hägele et al.,
    "Scaling Laws and Compute-Optimal Training Beyond Fixed Training Durations", NeurIPS 2024.
    """

    def __init__(self, peak: float, cycles: list[dict[str, int]]) -> None:
        self.peak = peak
        self.cycles = [Cycle(**cycle) for cycle in cycles]

    def __call__(self, step: keras.KerasTensor) -> keras.KerasTensor:
        """The learning rate at a step."""
        at = keras.ops.cast(step, "float32")
        rate = keras.ops.zeros_like(at)
        for cycle in self.cycles:
            rising = keras.ops.minimum((at - cycle.first) / max(cycle.warmup, 1), 1.0)
            gone = keras.ops.clip((at - cycle.decay_from) / max(cycle.decay, 1), 0.0, 1.0)
            here = self.peak * rising * 0.5 * (1 + keras.ops.cos(3.14159265 * gone))
            rate = keras.ops.where(at >= cycle.first, here, rate)
        return rate

    def get_config(self) -> dict[str, Any]:
        """What Keras stores of the schedule."""
        return {"peak": self.peak, "cycles": [asdict(cycle) for cycle in self.cycles]}
