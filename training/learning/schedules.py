"""How the learning rate goes over a training's steps."""

from dataclasses import asdict, dataclass
from typing import Any

import keras

from ..config import Training


@dataclass(frozen=True)
class Cycle:
    """Counts of steps: where it begins, its warm-up, where the decay begins and how long it is."""

    first: int
    warmup: int
    decay_from: int
    decay: int


def planned(training: Training, batches: int) -> "Cycles":
    """The schedule of the whole network's training, for epochs of so many ``batches``."""
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
    """A linear warm-up, a constant rate, and a cosine down to 0; once or more often.

    How long the constant part is, and what follows the decay, does not change what came before: a
    training can be made longer while it runs, and is still the one that its configuration
    describes. Source: Hägele et al., "Scaling Laws and Compute-Optimal Training Beyond Fixed
    Training Durations", NeurIPS 2024.
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
