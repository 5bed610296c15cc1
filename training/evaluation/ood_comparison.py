"""Which detector of foreign images: scores of several layers compared, each as `detector` would.

Every score gets its threshold from validation, and is asked for the foreign pictures that it
catches. The choice is made on the seen half.
"""

from collections.abc import Callable, Sequence

import keras
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ..data.ood_images import SEEN, UNSEEN, Foreign
from ..learning import mobilenet
from . import ood_fit

BLOCKS = (3, 5, 8, 11, 13)
# Blocks whose averages are taken together, beside each alone.
TOGETHER = ((5, 8), (3, 5, 8), BLOCKS)
NEIGHBOURS = 5
BATCH = 32

Features = dict[int, NDArray[np.float32]]  # (N, F) by block
Score = Callable[[Features], NDArray[np.float32]]


def compare(
    network: keras.Model,
    training: NDArray[np.uint8],
    validation: NDArray[np.uint8],
    pictures: Sequence[Foreign],
    shown: NDArray[np.uint8],
) -> dict[str, dict[str, float]]:
    """The share of ``pictures`` that each score catches, by half.

    (N, S, S, 3) frames of training images to fit to, of validation images for the threshold, and
    of the pictures, ``shown``.
    """
    fitted_to, own, foreign = (_features(network, f) for f in (training, validation, shown))
    halves = np.array([picture.half for picture in pictures])
    table = {}
    for name, score in _scores(network, fitted_to).items():
        beyond = score(foreign) > ood_fit.threshold(score(own))
        table[name] = {half: float(beyond[halves == half].mean()) for half in (SEEN, UNSEEN)}
    return table


def _scores(network: keras.Model, fitted_to: Features) -> dict[str, Score]:
    scores: dict[str, Score] = {"energy of the logits": _energy(network)}
    for blocks in (*((block,) for block in BLOCKS), *TOGETHER):
        name = " + ".join(map(str, blocks))
        scores[f"Mahalanobis, block {name}"] = _mahalanobis(fitted_to, blocks)
        scores[f"nearest neighbours, block {name}"] = _neighbours(fitted_to, blocks)
    return scores


def _features(network: keras.Model, frames: NDArray[np.uint8]) -> Features:
    backbone = network.get_layer(mobilenet.BACKBONE)
    layers = [backbone.get_layer(f"conv_pw_{block}_relu").output for block in BLOCKS]
    pool = keras.layers.GlobalAveragePooling2D()
    inner = keras.Model(backbone.inputs, [pool(layer) for layer in layers])
    scale = network.get_layer("scale")
    rows = [
        [keras.ops.convert_to_numpy(values) for values in inner(scale(frames[at : at + BATCH]))]
        for at in tqdm(range(0, len(frames), BATCH), "features", unit="batch", leave=False)
    ]
    return {block: np.concatenate([row[n] for row in rows]) for n, block in enumerate(BLOCKS)}


def _joined(features: Features, blocks: Sequence[int]) -> NDArray[np.float32]:
    return np.concatenate([features[block] for block in blocks], axis=1)


def _energy(network: keras.Model) -> Score:
    """Liu et al., "Energy-based Out-of-distribution Detection", NeurIPS 2020."""
    kernel, bias = network.get_layer(mobilenet.HEAD).get_weights()
    return lambda features: -np.logaddexp.reduce(features[BLOCKS[-1]] @ kernel + bias, axis=1)


def _mahalanobis(fitted_to: Features, blocks: Sequence[int]) -> Score:
    fitted = ood_fit.fit(_joined(fitted_to, blocks))
    return lambda features: fitted.scores(_joined(features, blocks))


def _neighbours(fitted_to: Features, blocks: Sequence[int]) -> Score:
    """Sun et al., "Out-of-Distribution Detection with Deep Nearest Neighbors", ICML 2022."""
    whitening = ood_fit.fit(_joined(fitted_to, blocks))

    def whitened(features: Features) -> NDArray[np.float32]:
        found = (_joined(features, blocks) - whitening.mean) @ whitening.projection
        return np.asarray(found, np.float32)

    known = whitened(fitted_to)
    squares = (known**2).sum(axis=1)

    def score(features: Features) -> NDArray[np.float32]:
        asked = whitened(features)
        distances = (asked**2).sum(axis=1)[:, None] + squares - 2 * asked @ known.T
        return np.asarray(np.sort(distances, axis=1)[:, NEIGHBOURS - 1])

    return score
