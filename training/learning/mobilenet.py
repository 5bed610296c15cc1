"""MobileNet v1 with a global-average-pooling head, on raw RGB, returning logits.

Source: Howard et al., "MobileNets" (2017), as in keras.applications.
"""

import hashlib
import os
from pathlib import Path

import keras

IMAGENET_WEIGHTS_SHA256 = "b2dc06376b0002af72df6b1e7363ef5012207bd9094e25af053d68b01e6a546a"

BACKBONE = "backbone"
DROPOUT = "dropout"
HEAD = "logits"
# Layers whose averages over the image are the detector's features: evaluation.ood_comparison.
FEATURE_LAYERS = ("conv_pw_5_relu", "conv_pw_8_relu", "conv_pw_11_relu")


def build(
    classes: int, width: float, dropout: float, weights: Path | str | None, seed: int
) -> keras.Model:
    """Return a model that maps (N, S, S, 3) raw RGB in [0, 255], any S, to (N, classes) logits.

    The paper's final softmax is applied outside the model, after serving has calibrated the logits.

    The initial weights and the dropout follow from ``seed`` alone: Keras would seed each layer from
    Python's global generator, from which other threads draw too.
    """
    # Keras draws initial values first. JAX requires them to be the same on every worker.
    keras.utils.set_random_seed(seed)
    image = keras.Input((None, None, 3), name="image")
    scaled = keras.layers.Rescaling(1 / 127.5, offset=-1, name="scale")(image)
    mobilenet = keras.applications.MobileNet(
        input_shape=(None, None, 3), alpha=width, include_top=False, weights=weights
    )
    if weights is None:
        mobilenet = _seeded(mobilenet, seed)
    mobilenet.name = BACKBONE
    features = mobilenet(scaled)
    pooled = keras.layers.GlobalAveragePooling2D(name="pool")(features)
    dropped = keras.layers.Dropout(dropout, seed=seed, name=DROPOUT)(pooled)
    drawn = keras.initializers.GlorotUniform(seed)
    head = keras.layers.Dense(classes, kernel_initializer=drawn, name=HEAD, dtype="float32")
    logits = head(dropped)
    return keras.Model(image, logits, name="lesionlens")


def _seeded(network: keras.Model, seed: int) -> keras.Model:
    """Return the network built anew, with a seed for the initial values of each layer."""
    config = network.get_config()
    for index, layer in enumerate(config["layers"], start=1):
        for setting in layer["config"].values():
            if isinstance(setting, dict) and setting.get("class_name") == "GlorotUniform":
                setting["config"]["seed"] = seed + index
    return keras.Model.from_config(config)


def first_blocks(backbone: keras.Model, count: int) -> list[keras.layers.Layer]:
    """The layers up to the end of MobileNet's separable block ``count``, 1 to 13; 0: none.

    Raises ValueError for another ``count``.
    """
    if not count:
        return []
    names = [layer.name for layer in backbone.layers]
    end = f"conv_pw_{count}_relu"
    if end not in names:
        raise ValueError(f"frozen_blocks is {count}; accepted are 0 to 13")
    layers: list[keras.layers.Layer] = backbone.layers[: names.index(end) + 1]
    return layers


def imagenet_weights() -> Path | str:
    """Weights file in the folder IMAGENET_WEIGHTS (default ../shared/weights), or Keras's download.

    Raises ValueError if the file differs from the published one.
    """
    name = "mobilenet_1_0_224_imagenet_no_top.weights.h5"
    default = Path(__file__).parents[3] / "shared" / "weights" / name
    path = Path(os.environ.get("IMAGENET_WEIGHTS", default))
    if not path.is_file():
        return "imagenet"
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != IMAGENET_WEIGHTS_SHA256:
        raise ValueError(f"{path} has SHA-256 {found}; expected {IMAGENET_WEIGHTS_SHA256}")
    return path
