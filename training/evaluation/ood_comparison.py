"""Compares layers as features for the detector, which is fitted and evaluated on each.

The layer was chosen by leave-one-origin-out and by sources that the detector was fitted to; figures
for unseen sources are reported only.
"""

from collections.abc import Sequence

import keras
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from lesionlens.imaging.model_input import Preprocessing

from ..data import kinds
from ..data.kinds import Picture
from ..learning import mobilenet
from . import ood_report

BLOCKS = (3, 5, 8, 11, 13)
# Combinations of blocks whose averages are concatenated, compared beside single blocks.
TOGETHER = ((5, 8), (8, 11), (5, 8, 11), BLOCKS)
BATCH = 128  # without a compiled graph, small batches take as long as large ones

Features = dict[int, NDArray[np.float32]]  # (N, F) by block


def compare(
    network: keras.Model, pictures: Sequence[Picture], preprocessing: Preprocessing
) -> dict[str, dict[str, float | None]]:
    """By layers: the lowest accepted share of any dermatoscopic origin, and the refused shares.

    Dermatoscopic origins and close-ups are evaluated by leave-one-origin-out.
    """
    material = kinds.material(pictures, preprocessing)
    features = _features(network, material.frames)
    table = {}
    for blocks in (*((block,) for block in BLOCKS), *TOGETHER):
        joined = np.concatenate([features[block] for block in blocks], axis=1)
        shown = ood_report.shown(pictures, joined, material.altered, material.framed)
        found, _ = ood_report.report(shown, ood_report.fit(shown))
        left_out = found.left_out
        accepted = [
            value
            for one in left_out.dermatoscopic_accepted.values()
            if (value := one.share["value"]) is not None
        ]
        table["blocks " + " + ".join(map(str, blocks))] = {
            "accepted": min(accepted, default=None),
            "close-ups refused": left_out.close_ups_refused["all"].share["value"],
            **{name: one.share["value"] for name, one in found.other_refused.items()},
        }
    return table


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
