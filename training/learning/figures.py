"""Keras metrics during training, of targets (`sampling.targets`) and (N, C) logits.

All classes have equal weights, as under a uniform prior. Log loss is also reported by origin.
"""

import keras


class _ClassMean(keras.metrics.Metric):  # type: ignore[misc]
    """Mean over the classes that occur of a figure's mean over the images of each class."""

    def __init__(self, classes: int, name: str, origin: int | None = None) -> None:
        """``origin``: index of the origin to restrict the metric to; None: all."""
        super().__init__(name=name)
        self.classes, self.origin = classes, origin
        self.sums = self.add_weight(shape=(classes,), initializer="zeros", name="sums")
        self.totals = self.add_weight(shape=(classes,), initializer="zeros", name="totals")

    def update_state(
        self,
        y_true: keras.KerasTensor,
        y_pred: keras.KerasTensor,
        sample_weight: keras.KerasTensor | None = None,
    ) -> None:
        shares = y_true[:, : self.classes]
        weighted = shares
        if self.origin is not None:
            weighted = weighted * y_true[:, 2 * self.classes + self.origin, None]
        if sample_weight is not None:
            weighted = weighted * sample_weight[:, None]
        figure = self.figure(shares, y_pred)
        self.sums.assign_add(keras.ops.sum(weighted * figure[:, None], axis=0))
        self.totals.assign_add(keras.ops.sum(weighted, axis=0))

    def figure(self, shares: keras.KerasTensor, logits: keras.KerasTensor) -> keras.KerasTensor:
        """(N,) figure of each image."""
        raise NotImplementedError

    def result(self) -> keras.KerasTensor:
        # Rounding can leave a tiny weight for classes without images.
        seen = keras.ops.cast(self.totals > 1e-6, "float32")
        means = seen * self.sums / keras.ops.maximum(self.totals, 1e-6)
        return keras.ops.sum(means) / keras.ops.maximum(keras.ops.sum(seen), 1)


class BalancedAccuracy(_ClassMean):
    """Mean of the classes' sensitivities."""

    def figure(self, shares: keras.KerasTensor, logits: keras.KerasTensor) -> keras.KerasTensor:
        """See `_ClassMean.figure`."""
        right = keras.ops.equal(keras.ops.argmax(shares, -1), keras.ops.argmax(logits, -1))
        return keras.ops.cast(right, "float32")


class BalancedLogLoss(_ClassMean):
    """Negative log-likelihood under a uniform prior, with equal weights for classes."""

    def figure(self, shares: keras.KerasTensor, logits: keras.KerasTensor) -> keras.KerasTensor:
        """See `_ClassMean.figure`."""
        return -keras.ops.sum(shares * keras.ops.log_softmax(logits, axis=-1), axis=-1)


def watched(classes: int, origins: tuple[str, ...]) -> list[keras.metrics.Metric]:
    """Both metrics over all images; with several origins, also the log loss of each."""
    figures = [BalancedAccuracy(classes, "balanced_accuracy"), BalancedLogLoss(classes, "log_loss")]
    if len(origins) > 1:
        figures += [
            BalancedLogLoss(classes, f"log_loss/{origin}", index)
            for index, origin in enumerate(origins)
        ]
    return figures
