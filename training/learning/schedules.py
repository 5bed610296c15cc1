"""How the learning rate goes over a training's steps."""

from typing import Any

import keras

from ..config import Training


def planned(training: Training, batches: int) -> keras.optimizers.schedules.LearningRateSchedule:
    """The schedule of the whole network's training, for epochs of so many ``batches``."""
    epochs = sum(stage.epochs for stage in training.stages)
    warmup = round(training.warmup_epochs * batches)
    if training.decay_epochs:
        return ConstantThenCosine(
            training.learning_rate,
            warmup,
            round((epochs - training.decay_epochs) * batches),
            round(training.decay_epochs * batches),
        )
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0,
        warmup_target=training.learning_rate,
        warmup_steps=warmup,
        decay_steps=round((epochs - training.warmup_epochs) * batches),
    )


@keras.saving.register_keras_serializable("lesionlens")
class ConstantThenCosine(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """A linear warm-up, a constant rate, and a cosine down to 0 over the last steps.

    How long the constant part is does not change what came before it: a training can be made longer
    or shorter while it runs, and is still the one that its configuration describes.
    Source: Hägele et al., "Scaling Laws and Compute-Optimal Training Beyond Fixed Training
    Durations", NeurIPS 2024.
    """

    def __init__(self, peak: float, warmup: int, decay_from: int, decay: int) -> None:
        """``peak``: the rate; the others are counts of steps."""
        self.peak, self.warmup, self.decay_from, self.decay = peak, warmup, decay_from, decay

    def __call__(self, step: keras.KerasTensor) -> keras.KerasTensor:
        at = keras.ops.cast(step, "float32")
        rising = keras.ops.minimum(at / max(self.warmup, 1), 1.0)
        gone = keras.ops.clip((at - self.decay_from) / max(self.decay, 1), 0.0, 1.0)
        return self.peak * rising * 0.5 * (1 + keras.ops.cos(3.14159265 * gone))

    def get_config(self) -> dict[str, Any]:
        return {
            "peak": self.peak,
            "warmup": self.warmup,
            "decay_from": self.decay_from,
            "decay": self.decay,
        }
