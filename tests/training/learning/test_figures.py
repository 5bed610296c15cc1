import numpy as np
import pytest
from scipy.special import softmax
from sklearn.metrics import log_loss

from training.evaluation import metrics
from training.learning import figures, sampling

LABELS = np.arange(90) % 3
LOGITS = np.random.default_rng(4).normal(size=(90, 3)) + 1.5 * np.eye(3)[LABELS]
ORIGINS = np.arange(90) // 45
TARGETS = sampling.targets(
    np.eye(3, dtype=np.float32)[LABELS],
    np.full((90, 3), 1 / 3, np.float32),
    np.eye(2, dtype=np.float32)[ORIGINS],
)


def measured(chosen: np.ndarray) -> dict[str, float]:
    found = figures.watched(3, ("here", "there"))
    for part in np.array_split(np.flatnonzero(chosen), 2):
        for metric in found:
            metric.update_state(TARGETS[part], LOGITS[part].astype(np.float32))
    return {metric.name: float(metric.result()) for metric in found}


def test_figures_while_training_are_those_of_the_evaluation() -> None:
    # The first class has few images: figures are means over classes, not over images.
    chosen = (LABELS > 0) | (np.arange(90) % 9 == 0)
    labels, logits = LABELS[chosen], LOGITS[chosen]
    found = measured(chosen)
    assert found["balanced_accuracy"] == pytest.approx(
        metrics.balanced_accuracy(labels, logits), abs=1e-5
    )
    balance = 1 / np.bincount(labels)[labels]
    expected = log_loss(labels, softmax(logits, axis=1), sample_weight=balance)
    assert found["log_loss"] == pytest.approx(expected, abs=1e-5)


def test_an_origins_figure_is_that_of_its_images_alone() -> None:
    found = measured(np.full(90, True))
    for name, index in (("here", 0), ("there", 1)):
        alone = measured(np.equal(ORIGINS, index))
        assert found[f"log_loss/{name}"] == pytest.approx(alone["log_loss"], abs=1e-5)


def test_weights_of_images_count() -> None:
    weights = (LABELS != 0).astype(np.float32)
    metric = figures.BalancedLogLoss(3, "log_loss")
    metric.update_state(TARGETS, LOGITS.astype(np.float32), weights)
    assert float(metric.result()) == pytest.approx(measured(LABELS != 0)["log_loss"], abs=1e-5)
