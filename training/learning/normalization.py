"""Recomputes batch normalization statistics for averaged weights.

During training, the running statistics belong to the weights of each step; averaged weights give
other activations. Source: Izmailov et al., "Averaging Weights Leads to Wider Optima", UAI 2018.
"""

from collections.abc import Iterable

import keras
import numpy as np
from numpy.typing import NDArray

from . import mobilenet


def take_anew(network: keras.Model, batches: Iterable[NDArray[np.float32]]) -> None:
    """Set the trainable normalizations' statistics to their means over (N, S, S, 3) batches.

    Frozen ones keep theirs, as their inputs have not changed.
    """
    scale, backbone = network.get_layer("scale"), network.get_layer(mobilenet.BACKBONE)
    norms = [la for la in backbone.layers if isinstance(la, keras.layers.BatchNormalization)]
    momenta = [norm.momentum for norm in norms]
    for count, images in enumerate(batches):
        for norm in norms:
            norm.momentum = count / (count + 1)  # the running mean is that of all batches so far
        backbone(scale(images), training=True)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
