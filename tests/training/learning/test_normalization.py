import keras
import numpy as np

from training.learning import mobilenet, normalization


def test_statistics_are_those_of_the_batches_and_frozen_ones_stay() -> None:
    network = mobilenet.build(7, 0.25, 0.0, None, seed=1)
    backbone = network.get_layer(mobilenet.BACKBONE)
    for layer in mobilenet.first_blocks(backbone, 1):
        layer.trainable = False
    random = np.random.default_rng(0)
    batches = [random.uniform(0, 255, (4, 32, 32, 3)).astype(np.float32) for _ in range(3)]
    frozen, learning = backbone.get_layer("conv1_bn"), backbone.get_layer("conv_dw_2_bn")
    before, momentum = frozen.moving_mean.numpy(), learning.momentum
    normalization.take_anew(network, batches)
    np.testing.assert_array_equal(frozen.moving_mean.numpy(), before)
    assert learning.momentum == momentum
    seen = keras.Model(backbone.inputs, learning.input)
    outputs = [seen(network.get_layer("scale")(images)).numpy() for images in batches]
    # The layers before the second block are frozen: its input does not depend on the statistics.
    np.testing.assert_allclose(
        learning.moving_mean.numpy(),
        np.mean([o.mean(axis=(0, 1, 2)) for o in outputs], axis=0),
        atol=1e-5,
    )
    np.testing.assert_allclose(
        learning.moving_variance.numpy(),
        np.mean([o.var(axis=(0, 1, 2)) for o in outputs], axis=0),
        rtol=1e-4,
        atol=1e-6,
    )
