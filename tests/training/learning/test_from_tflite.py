import keras
import numpy as np
import pytest

from training.evaluation import inference
from training.learning import from_tflite, mobilenet
from training.releasing import export


def network(seed: int, width: float = 0.25) -> keras.Model:
    made = mobilenet.build(7, width, 0.0, None, seed)
    # As after a training: a bias, and normalizations with an effect.
    random = np.random.default_rng(seed)
    made.get_layer(mobilenet.HEAD).bias.assign(random.normal(0, 1, 7))
    for layer in made.get_layer(mobilenet.BACKBONE).layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            shape = layer.gamma.shape
            layer.set_weights(
                [random.uniform(0.8, 1.5, shape), random.normal(0, 0.3, shape),
                 random.normal(0, 0.1, shape), random.uniform(0.5, 1.5, shape)]
            )  # fmt: skip
    return made


@pytest.mark.parametrize(
    ("precision", "tolerance"),
    [pytest.param("float32", 1e-3, marks=pytest.mark.slow), ("int8", 0.1)],
)
def test_a_network_answers_as_the_release_it_starts_from(precision: str, tolerance: float) -> None:
    frames = np.random.default_rng(0).integers(0, 255, (16, 64, 64, 3)).astype(np.uint8)
    first, second = network(1), network(2)
    data = export.convert(first, precision, frames)
    from_tflite.restore(
        second, data, [frames[:8].astype(np.float32), frames[8:].astype(np.float32)]
    )
    expected = inference.predict_keras(first, frames)
    assert np.abs(expected).max() > 3 * tolerance
    np.testing.assert_allclose(inference.predict_keras(second, frames), expected, atol=tolerance)
    # In training mode, too, the normalizations leave the outputs unchanged.
    trained = second(frames.astype(np.float32), training=True).numpy()
    np.testing.assert_allclose(trained, expected, atol=tolerance + 0.05)


def test_a_release_of_another_width_is_refused() -> None:
    frames = np.zeros((1, 32, 32, 3), np.uint8)
    data = export.convert(network(1, width=0.5), "float32", frames)
    with pytest.raises(ValueError, match="of another network than this configuration"):
        from_tflite.restore(network(2), data, [])
