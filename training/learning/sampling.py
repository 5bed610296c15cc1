"""Sampling of training images under class imbalance, and the loss that corrects for it.

HAM10000 has 58 nevi for each dermatofibroma, and some origins have images of three classes only.
The loss corrects for the class frequencies within each origin, so that neither a class's frequency
nor the instrument becomes a cue.
"""

from collections.abc import Callable

import keras
import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from ..data.dataset import class_shares

# Log of a prior of 0: the class's logit then gets no gradient from this origin.
ABSENT = -1e4


def cell_shares(
    labels: NDArray[np.int64], origins: NDArray[np.int64], classes: int, power: float
) -> NDArray[np.float64]:
    """(O, classes) share of each class within each origin, proportional to count**power."""
    count = int(origins.max()) + 1
    cells = class_shares(origins * classes + labels, count * classes, power)
    return cells.reshape(count, classes)


def draw_epoch(
    labels: NDArray[np.int64],
    origins: NDArray[np.int64],
    shares: NDArray[np.float64],
    count: int,
    random: np.random.Generator,
) -> NDArray[np.int64]:
    """Draw ``count`` positions in the proportions ``shares`` (O, C).

    All images of a cell are used, in random order, before any is repeated. Rounding may give a few
    positions more or fewer.
    """
    drawn = []
    for (origin, label), share in np.ndenumerate(shares):
        members = np.flatnonzero((labels == label) & (origins == origin))
        wanted = round(share * count)
        if wanted:
            rounds = -(-wanted // len(members))
            order = np.concatenate([random.permutation(members) for _ in range(rounds)])
            drawn.append(order[:wanted])
    return random.permutation(np.concatenate(drawn))


def targets(
    labels: NDArray[np.float32], priors: NDArray[np.float32], origins: NDArray[np.float32]
) -> NDArray[np.float32]:
    """(N, C + C + O) targets: soft labels, log prior of the classes, and shares of the origins."""
    return np.concatenate([labels, _log(priors), origins], axis=1)


def posterior(logits: NDArray[np.float32], priors: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, C) probabilities under ``priors`` of (N, C) logits that are free of a prior."""
    return np.asarray(softmax(logits + _log(priors), axis=1), np.float32)


def _log(priors: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.where(priors > 0, np.log(np.maximum(priors, 1e-12)), ABSENT).astype(np.float32)


def adjusted_cross_entropy(
    smoothing: float,
) -> Callable[[keras.KerasTensor, keras.KerasTensor], keras.KerasTensor]:
    """Cross entropy of logits + log prior: the logits then do not contain the prior.

    The prior is that of the image's own origin (`targets`). Classes of prior 0 are excluded from
    softmax and label smoothing.

    Source: Menon et al., "Long-tail learning via logit adjustment", ICLR 2021.
    """

    def loss(y_true: keras.KerasTensor, y_pred: keras.KerasTensor) -> keras.KerasTensor:
        classes = y_pred.shape[-1]
        shares, log_prior = y_true[:, :classes], y_true[:, classes : 2 * classes]
        present = keras.ops.cast(log_prior > ABSENT / 2, shares.dtype)
        even = present / keras.ops.sum(present, axis=-1, keepdims=True)
        smoothed = (1 - smoothing) * shares + smoothing * even
        log_posterior = keras.ops.log_softmax(y_pred + log_prior, axis=-1)
        return -keras.ops.sum(smoothed * log_posterior, axis=-1)

    return loss
