"""How origins (clinics and instruments) are weighted where a model is fitted or evaluated.

A threshold fitted to the largest collection alone may miss cancers in images of other clinics, so
origins have equal weights; those with few malignant images are pooled.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# Malignant images from which on an origin is judged by itself, and weighs as much as any other.
ENOUGH = 50


def with_few(origins: NDArray[np.str_], malignant: NDArray[np.bool_]) -> tuple[str, ...]:
    """The origins with fewer than `ENOUGH` malignant images, from (N,) origins and outcomes."""
    names = np.unique(origins).tolist()
    return tuple(name for name in names if malignant[origins == name].sum() < ENOUGH)


def groups(origins: NDArray[np.str_], pooled: Sequence[str]) -> dict[str, NDArray[np.bool_]]:
    """(N,) masks of the images that weigh as one: each other origin, and the ``pooled`` together.

    Without the groups of which there is no image.
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
    """The weight of each of the `groups`: 1 from `ENOUGH` malignant images on, below in proportion.

    A handful of images must not count as much as a clinic.
    """
    return {
        name: min(1.0, float(malignant[inside].sum()) / ENOUGH)
        for name, inside in groups(origins, pooled).items()
    }


def image_weights(origins: NDArray[np.str_], malignant: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(N,) weights of images, of mean 1, under which the groups weigh as in `group_weights`.

    All alike where no image is malignant.
    """
    pooled = with_few(origins, malignant)
    of_group = group_weights(origins, malignant, pooled)
    weights = np.zeros(len(origins))
    for name, inside in groups(origins, pooled).items():
        weights[inside] = of_group[name] / inside.sum()
    total = weights.sum()
    return weights * len(origins) / total if total else np.ones(len(origins))
