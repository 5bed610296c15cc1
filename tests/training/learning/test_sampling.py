import keras
import numpy as np
import pytest

from training.learning import sampling

LABELS = np.array([0] * 80 + [1] * 16 + [2] * 4)


@pytest.mark.parametrize(
    ("power", "expected"), [(1, [0.8, 0.16, 0.04]), (0, [1 / 3] * 3), (0.5, [0.6, 0.268, 0.134])]
)
def test_class_shares(power: float, expected: list[float]) -> None:
    found = sampling.class_shares(LABELS, 3, power)
    np.testing.assert_allclose(found, expected, atol=0.03)
    assert found.sum() == pytest.approx(1)


def test_a_class_without_images_has_no_share() -> None:
    assert sampling.class_shares(LABELS, 4, 0)[3] == 0


def test_an_epoch_is_drawn_in_these_shares_and_uses_every_image_of_small_classes() -> None:
    shares = np.array([0.5, 0.3, 0.2])
    drawn = sampling.draw_epoch(LABELS, shares, 100, np.random.default_rng(0))
    np.testing.assert_array_equal(np.bincount(LABELS[drawn]), [50, 30, 20])
    assert set(drawn[LABELS[drawn] == 2]) == {96, 97, 98, 99}
    assert len(set(drawn[LABELS[drawn] == 0])) == 50
    assert LABELS[drawn].tolist() != sorted(LABELS[drawn])


def test_the_adjusted_loss_is_least_for_logits_free_of_the_prior() -> None:
    shares = np.array([0.9, 0.1])
    loss = sampling.adjusted_cross_entropy(shares, 0.0)
    truth = np.array([[1, 0]] * 9 + [[0, 1]], np.float32)
    by_logit = {
        logit: float(keras.ops.mean(loss(truth, np.array([[logit, 0.0]] * 10, np.float32))))
        for logit in (-1.0, 0.0, 1.0, float(np.log(9)))
    }
    assert min(by_logit, key=by_logit.__getitem__) == 0.0
