import keras
import numpy as np
import pytest

from training.learning import sampling

LABELS = np.array([0] * 80 + [1] * 16 + [2] * 4)


def test_an_epoch_is_drawn_by_class_within_origin_and_uses_every_image_of_small_ones() -> None:
    origins = np.array([0, 1] * 50)
    shares = np.array([[0.3, 0.2, 0.1], [0.2, 0.1, 0.1]])
    drawn = sampling.draw_epoch(LABELS, origins, shares, 100, np.random.default_rng(0))
    cells = np.bincount(3 * origins[drawn] + LABELS[drawn])
    np.testing.assert_array_equal(cells.reshape(2, 3), 100 * shares)
    assert set(drawn[LABELS[drawn] == 2]) == {96, 97, 98, 99}
    assert len(set(drawn[(LABELS[drawn] == 0) & (origins[drawn] == 0)])) == 30
    assert LABELS[drawn].tolist() != sorted(LABELS[drawn])


def test_shares_within_origins_follow_the_counts_of_their_cells() -> None:
    origins = np.where(LABELS == 2, 0, np.arange(100) % 2)
    found = sampling.cell_shares(LABELS, origins, 3, power=0.5)
    np.testing.assert_allclose(found**2 / found[0, 2] ** 2, [[10, 2, 1], [10, 2, 0]])
    assert found.sum() == pytest.approx(1)


def test_the_adjusted_loss_is_least_for_logits_free_of_the_prior() -> None:
    loss = sampling.adjusted_cross_entropy(0.0)
    truth = np.array([[1, 0]] * 9 + [[0, 1]], np.float32)
    priors = np.tile(np.array([0.9, 0.1], np.float32), (10, 1))
    targets = sampling.targets(truth, priors, np.ones((10, 1), np.float32))
    by_logit = {
        logit: float(keras.ops.mean(loss(targets, np.array([[logit, 0.0]] * 10, np.float32))))
        for logit in (-1.0, 0.0, 1.0, float(np.log(9)))
    }
    assert min(by_logit, key=by_logit.__getitem__) == 0.0


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_an_origin_gives_no_gradient_for_a_class_that_it_lacks(smoothing: float) -> None:
    loss = sampling.adjusted_cross_entropy(smoothing)
    targets = sampling.targets(
        np.array([[0, 1, 0]], np.float32),
        np.array([[0.3, 0.7, 0]], np.float32),
        np.ones((1, 1), np.float32),
    )
    losses = [
        float(loss(targets, np.array([[0.5, 1.0, absent]], np.float32))[0])
        for absent in (-50, 0, 50)
    ]
    assert losses == pytest.approx([losses[0]] * 3)
    assert 0 < losses[0] < 1
