import numpy as np
import pytest

from lesionlens.model.manifest import DECISION, Calibration
from lesionlens.model.result import malignancy, malignant_log_odds
from training.evaluation import calibration, metrics, reliability
from training.evaluation.calibration import DATASET, UNIFORM
from training.evaluation.metrics import Predictions

SHARES = np.array([0.03, 0.07, 0.9])
CLASSES = ("mel", "bkl", "nv")
# How far each class stands apart from the others.
CENTRES = np.array([1.0, 1.0, 3.0])


def case(count: int = 15_000, temperature: float = 1.0, strength: float = 0.0) -> Predictions:
    """Lesions as frequent as ``SHARES``, and logits that still hold a part of that prior.

    Classes are Gaussians around the corners of a triangle: what a perfect model would answer is
    known.
    """
    random = np.random.default_rng(1)
    labels = random.choice(3, count, p=SHARES)
    seen = random.normal(size=(count, 3)) + CENTRES * np.eye(3)[labels]
    free = CENTRES * seen - CENTRES**2 / 2
    logits = temperature * free + strength * np.log(SHARES)
    return Predictions(labels, logits, np.arange(count).astype(str))


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("strength", [0.0, 0.5])
def test_the_prior_is_taken_out_or_put_in(temperature: float, strength: float) -> None:
    predicted = case(temperature=temperature, strength=strength)
    fitted = calibration.fit(predicted, SHARES)
    free = (predicted.logits - strength * np.log(SHARES)) / temperature
    for name, prior in ((UNIFORM, np.ones(3)), (DATASET, SHARES)):
        found = metrics.softmax(calibration.apply(fitted[name], predicted).logits)
        expected = metrics.softmax(free + np.log(prior))
        assert np.abs(found - expected).mean() < 0.02, name


def test_the_decision_ranks_by_the_uniform_prior_and_keeps_its_word_on_the_mix_that_comes() -> None:
    predicted = case(temperature=2.0)
    fitted = calibration.fit(predicted, SHARES)
    decided, uniform = (
        calibration.apply(fitted[name], predicted).logits for name in (DECISION, UNIFORM)
    )
    np.testing.assert_array_equal(decided.argmax(axis=1), uniform.argmax(axis=1))
    errors = [
        reliability.top_label(predicted.labels, metrics.softmax(logits), predicted.lesions, 0)
        for logits in (decided, uniform)
    ]
    told, before = (error["calibration_error"]["value"] for error in errors)
    assert told < 0.75 * before


def test_the_uniform_calibration_hears_every_class_alike() -> None:
    """Sure and right about the many, sure and wrong about the few."""
    labels = np.array([0] * 90 + [1] * 10)
    logits = np.array([[2.0, 0.0]] * 100) + np.random.default_rng(0).normal(size=(100, 2))
    predicted = Predictions(labels, logits, labels.astype(str))
    found = calibration.fit(predicted, np.array([0.9, 0.1]))[UNIFORM]
    assert found.offsets[1] > found.offsets[0] + 1


def test_malignancy_holds_and_its_threshold_is_the_highest_that_is_sensitive_enough() -> None:
    predicted = case()
    fitted = calibration.fit(predicted, SHARES)
    # Whatever the sum of the classes says, its own mapping is fitted on top of it.
    fitted[DATASET] = Calibration(fitted[DATASET].offsets, 3 * fitted[DATASET].temperature)
    mapping, point = calibration.fit_malignancy(predicted, CLASSES, fitted)
    odds = malignant_log_odds(predicted.logits, CLASSES, fitted[DATASET])
    scores, malignant = malignancy(odds, mapping), predicted.labels == 0
    error = reliability.binary(malignant, scores, predicted.lesions, 0)["calibration_error"]
    assert error["value"] < 0.02
    assert mapping.threshold == point["threshold"]
    flagged = scores >= mapping.threshold
    assert flagged[malignant].mean() >= calibration.TARGET_SENSITIVITY
    assert flagged[malignant].mean() == pytest.approx(point["sensitivity"], abs=1e-4)
    assert (~flagged)[~malignant].mean() == pytest.approx(point["specificity"], abs=1e-4)
    higher = np.sort(scores[malignant & flagged])[1]
    assert (scores[malignant] >= higher).mean() < calibration.TARGET_SENSITIVITY + 1e-3
