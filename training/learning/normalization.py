"""Statistics of batch normalizations, taken anew for weights that were averaged.

While training, the running statistics follow the weights of the steps. Averaged weights see other
activations. Source: Izmailov et al., "Averaging Weights Leads to Wider Optima", UAI 2018.
"""

from collections.abc import Iterable

import keras
import numpy as np
from numpy.typing import NDArray

from . import mobilenet


def take_anew(network: keras.Model, batches: Iterable[NDArray[np.float32]]) -> None:
    """Set the trainable normalizations' statistics to their mean over (N, S, S, 3) batches.

    Frozen ones keep theirs: what they see has not changed.
    """
    scale, backbone = network.get_layer("scale"), network.get_layer(mobilenet.BACKBONE)
    norms = [la for la in backbone.layers if isinstance(la, keras.layers.BatchNormalization)]
    momenta = [norm.momentum for norm in norms]
    for count, images in enumerate(batches):
        for norm in norms:
            norm.momentum = count / (count + 1)  # makes the running mean that of all so far
        backbone(scale(images), training=True)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
