"""How origins (clinics and instruments) are weighted where a model is fitted or evaluated.

A threshold fitted to the largest collection alone may miss cancers in images of other clinics, so
origins have equal weights; those with few malignant images are pooled.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# Minimum number of malignant images for an origin to be a group of its own, with full weight.
ENOUGH = 50


def with_few(origins: NDArray[np.str_], malignant: NDArray[np.bool_]) -> tuple[str, ...]:
    """Return the origins that have fewer than `ENOUGH` malignant images; arguments are (N,)."""
    names = np.unique(origins).tolist()
    return tuple(name for name in names if malignant[origins == name].sum() < ENOUGH)


def groups(origins: NDArray[np.str_], pooled: Sequence[str]) -> dict[str, NDArray[np.bool_]]:
    """(N,) masks of the groups: one for the ``pooled`` origins, one for each other origin.

    Groups without images are left out.
    """
    others = [name for name in np.unique(origins).tolist() if name not in pooled]
    found = {name: origins == name for name in others}
    inside = np.isin(origins, pooled)
    if inside.any():
        found[" + ".join(pooled)] = inside
    return found


def group_weights(
    origins: NDArray[np.str_], malignant: NDArray[np.bool_], pooled: Sequence[str]
) -> dict[str, float]:
    """Weight of each of the `groups`: its malignant images divided by `ENOUGH`, at most 1.

    A few images must not count as much as a clinic.
    """
    return {
        name: min(1.0, float(malignant[inside].sum()) / ENOUGH)
        for name, inside in groups(origins, pooled).items()
    }


def image_weights(origins: NDArray[np.str_], malignant: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(N,) weights of images with mean 1 that give the groups the weights of `group_weights`.

    All weights are 1 if no image is malignant.
    """
    pooled = with_few(origins, malignant)
    of_group = group_weights(origins, malignant, pooled)
    weights = np.zeros(len(origins))
    for name, inside in groups(origins, pooled).items():
        weights[inside] = of_group[name] / inside.sum()
    total = weights.sum()
    return weights * len(origins) / total if total else np.ones(len(origins))
