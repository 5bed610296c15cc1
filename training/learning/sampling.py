"""58 nevi to one dermatofibroma: which images an epoch draws, and what the loss takes out."""

from collections.abc import Callable

import keras
import numpy as np
from numpy.typing import NDArray


def class_shares(labels: NDArray[np.int64], classes: int, power: float) -> NDArray[np.float64]:
    """(classes,) share of each class among the drawn images, proportional to count**power."""
    counts = np.bincount(labels, minlength=classes).astype(np.float64)
    weights = np.where(counts > 0, counts**power, 0)
    shares: NDArray[np.float64] = weights / weights.sum()
    return shares


def draw_epoch(
    labels: NDArray[np.int64], shares: NDArray[np.float64], count: int, random: np.random.Generator
) -> NDArray[np.int64]:
    """Draw ``count`` positions in class proportions ``shares``, each class in shuffled rounds."""
    drawn = []
    for label, share in enumerate(shares):
        members = np.flatnonzero(labels == label)
        wanted = round(share * count)
        if wanted:
            rounds = -(-wanted // len(members))
            order = np.concatenate([random.permutation(members) for _ in range(rounds)])
            drawn.append(order[:wanted])
    return random.permutation(np.concatenate(drawn))


def adjusted_cross_entropy(
    shares: NDArray[np.float64], smoothing: float
) -> Callable[[keras.KerasTensor, keras.KerasTensor], keras.KerasTensor]:
    """Cross entropy of logits + log prior, so that the logits themselves are free of the prior.

    Source: Menon et al., "Long-tail learning via logit adjustment", ICLR 2021.
    """
    log_prior = np.log(np.maximum(shares, 1e-12)).astype(np.float32)

    def loss(y_true: keras.KerasTensor, y_pred: keras.KerasTensor) -> keras.KerasTensor:
        return keras.losses.categorical_crossentropy(
            y_true, y_pred + log_prior, from_logits=True, label_smoothing=smoothing
        )

    return loss
