import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from training.data.dataset import CLASSES, Dataset
from training.evaluation import metrics, roc
from training.evaluation.served_predictions import Answers


def answered(drawn: Dataset) -> Answers:
    random = np.random.default_rng(2)
    logits = random.normal(size=(84, 7)) + 1.5 * np.eye(7)[drawn.labels]
    shares = metrics.softmax(logits)
    malignant = shares[:, [CLASSES.index(name) for name in ("akiec", "bcc", "mel")]]
    return Answers(drawn.records, CLASSES, logits, shares, malignant.sum(axis=1), threshold=0.5)


def test_the_curves_rise_to_one_and_enclose_the_area(drawn: Dataset) -> None:
    answers = answered(drawn)
    found = roc.curves(answers)
    assert set(found["sensitivity"]) == {*CLASSES, "malignancy"}
    rates = found["false_positive_rate"]
    for curve in found["sensitivity"].values():
        assert len(curve) == len(rates)
        assert curve == sorted(curve)
        assert curve[-1] == 1
    area = np.trapezoid(found["sensitivity"]["malignancy"], rates)
    expected = roc_auc_score(answers.malignant, answers.malignancy)
    assert area == pytest.approx(expected, abs=0.02)


def test_a_class_that_does_not_occur_has_no_curve(drawn: Dataset) -> None:
    answers = answered(drawn)
    kept = answers.labels != CLASSES.index("df")
    records = tuple(r for r in drawn.records if r.dx != "df")
    fewer = Answers(
        records,
        CLASSES,
        answers.logits[kept],
        answers.shares[kept],
        answers.malignancy[kept],
        threshold=0.5,
    )
    assert "df" not in roc.curves(fewer)["sensitivity"]


def test_without_calibration_the_softmax_stands(drawn: Dataset) -> None:
    answers = answered(drawn)
    calibrated = Answers(drawn.records, CLASSES, answers.logits, answers.shares**2, None, 0.5)
    plain = calibrated.uncalibrated
    np.testing.assert_allclose(plain.shares, answers.shares)
    np.testing.assert_allclose(plain.malignancy, answers.malignancy)
