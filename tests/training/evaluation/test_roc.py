import numpy as np
import pytest
from scipy.special import softmax
from sklearn.metrics import roc_auc_score

from tests import releases
from training.data.dataset import CLASSES, Dataset
from training.evaluation import roc
from training.evaluation.served_predictions import Answers


def answered(drawn: Dataset) -> Answers:
    random = np.random.default_rng(2)
    logits = random.normal(size=(84, 7)) + 1.5 * np.eye(7)[drawn.labels]
    return Answers(drawn.records, releases.manifest(), logits)


def test_the_curves_rise_to_one_and_enclose_the_area(drawn: Dataset) -> None:
    answers = answered(drawn)
    found = roc.curves(answers)
    assert set(found.sensitivity) == {*CLASSES, "malignancy"}
    rates = found.false_positive_rate
    for curve in found.sensitivity.values():
        assert len(curve) == len(rates)
        assert curve == sorted(curve)
        assert curve[-1] == 1
    area = np.trapezoid(found.sensitivity["malignancy"], rates)
    expected = roc_auc_score(answers.malignant, answers.malignancy)
    assert area == pytest.approx(expected, abs=0.02)


def test_a_class_that_does_not_occur_has_no_curve(drawn: Dataset) -> None:
    answers = answered(drawn)
    kept = answers.labels != CLASSES.index("df")
    assert "df" not in roc.curves(answers.subset(kept)).sensitivity


def test_without_calibration_the_logits_stand_as_they_are(drawn: Dataset) -> None:
    plain = answered(drawn).uncalibrated
    np.testing.assert_allclose(
        plain.probabilities("uniform"), softmax(plain.logits, axis=1), atol=1e-12
    )
