import dataclasses

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, roc_auc_score
from sklearn.metrics import log_loss as weighted_log_loss

from lesionlens.model.figures import PartMetrics
from lesionlens.model.manifest import DATASET, UNIFORM
from training.evaluation import metrics
from training.evaluation.metrics import Predictions

CLASSES = ("akiec", "mel", "nv")


def predicted(images: int = 300, images_per_lesion: int = 1, skill: float = 1.5) -> Predictions:
    random = np.random.default_rng(4)
    lesions = np.repeat(np.arange(images // images_per_lesion), images_per_lesion)
    labels = random.choice(3, len(np.unique(lesions)), p=[0.1, 0.2, 0.7])[lesions]
    noise = random.normal(size=(len(np.unique(lesions)), 3))[lesions]
    logits = noise + skill * np.eye(3)[labels]
    return Predictions(labels, logits, lesions.astype(str), np.full(images, "home"))


def report(case: Predictions, shift: float = 0.0) -> PartMetrics:
    """``shift``: log odds by which the default prior favours nevi."""
    usual = dataclasses.replace(case, logits=case.logits + np.array([0, 0, shift]))
    return metrics.report({UNIFORM: case, DATASET: usual}, CLASSES, seed=0)


def test_values_agree_with_scikit_learn() -> None:
    case = predicted()
    found = report(case)
    choices = case.logits.argmax(axis=1)
    assert found.balanced_accuracy["value"] == pytest.approx(
        balanced_accuracy_score(case.labels, choices), abs=1e-4
    )
    assert found.accuracy["value"] == pytest.approx((choices == case.labels).mean(), abs=1e-4)
    assert np.array(found.confusion_matrix).tolist() == (
        confusion_matrix(case.labels, choices).tolist()
    )
    shares = softmax(case.logits, axis=1)
    assert found.macro_auc["value"] == pytest.approx(
        roc_auc_score(case.labels, shares, multi_class="ovr", average="macro"), abs=1e-3
    )
    specificity = (choices[case.labels != 1] != 1).mean()
    melanoma = found.per_class["mel"]
    assert melanoma.specificity["value"] == pytest.approx(specificity, abs=1e-4)
    assert melanoma.images == (case.labels == 1).sum()


def test_both_priors_are_reported() -> None:
    found = report(predicted(), shift=2.0)
    assert (found.prior, found.default.prior) == (UNIFORM, DATASET)
    assert found.default.accuracy["value"] > found.accuracy["value"]
    assert found.default.balanced_accuracy["value"] < found.balanced_accuracy["value"]
    assert (
        found.default.per_class["mel"].sensitivity["value"]
        < found.per_class["mel"].sensitivity["value"]
    )


def test_intervals_hold_the_value_and_widen_with_fewer_lesions() -> None:
    single, repeated = (report(predicted(300, each)).accuracy for each in (1, 6))
    for found in (single, repeated):
        assert found["low"] <= found["value"] <= found["high"]
    assert repeated["high"] - repeated["low"] > 1.5 * (single["high"] - single["low"])


def test_a_resample_takes_whole_lesions() -> None:
    lesions = np.array(["a", "a", "b", "c", "c", "c"])
    weights = metrics.resampled_weights(lesions, seed=0)
    assert weights.shape == (1 + metrics.RESAMPLES, 6)
    assert (weights[0] == 1).all()
    assert (weights[:, 0] == weights[:, 1]).all()
    assert (weights[:, 3] == weights[:, 5]).all()
    assert (weights[:, [0, 2, 3]].sum(axis=1) == 3).all()


def test_a_class_that_a_resample_misses_does_not_spoil_it() -> None:
    case = Predictions(
        np.array([0, 1, 2, 2]),
        np.eye(3)[[0, 1, 2, 2]],
        np.array(["a", "b", "c", "d"]),
        np.full(4, "home"),
    )
    found = report(case).balanced_accuracy
    assert found == {"value": 1, "low": 1, "high": 1}


def test_rates_of_a_flag_have_intervals_over_lesions() -> None:
    case = predicted(600, 3, skill=2)
    flagged, malignant = case.logits.argmax(axis=1) < 2, case.labels < 2
    weights = metrics.resampled_weights(case.lesions, seed=0)
    rates = metrics.rates(flagged, malignant, weights)
    assert rates["sensitivity"]["value"] == pytest.approx(flagged[malignant].mean(), abs=1e-4)
    assert rates["specificity"]["value"] == pytest.approx((~flagged)[~malignant].mean(), abs=1e-4)
    for rate in rates.values():
        assert rate["low"] < rate["value"] < rate["high"]


def test_classes_count_alike_in_the_log_loss_at_the_best_temperature() -> None:
    """Compare with scikit-learn, minimized over temperatures, for logits of any temperature."""
    generator = np.random.default_rng(5)
    labels = np.repeat([0, 1, 2], [200, 30, 10])
    logits = generator.normal(size=(240, 3)) + 2 * np.eye(3)[labels]
    weights = (1 / np.bincount(labels))[labels]
    best = min(
        weighted_log_loss(labels, softmax(logits / t, axis=1), sample_weight=weights)
        for t in np.geomspace(0.2, 5, 500)
    )

    assert metrics.log_loss(labels, logits) == pytest.approx(best, abs=1e-5)
    assert metrics.log_loss(labels, 7 * logits) == pytest.approx(best, abs=1e-5)


@pytest.mark.parametrize(
    ("hits", "draws", "low", "high"),
    [
        # As in Newcombe, "Two-sided confidence intervals for the single proportion", 1998.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (20, 20, 0.8389, 1.0),
        (4, 4, 0.5101, 1.0),
    ],
)
def test_the_interval_is_wilsons(hits: int, draws: int, low: float, high: float) -> None:
    assert dict(metrics.wilson(hits / draws, draws)) == {
        "value": pytest.approx(hits / draws, abs=1e-4),
        "low": pytest.approx(low, abs=2e-4),
        "high": pytest.approx(high, abs=2e-4),
    }


def test_shares_of_0_and_1_are_as_uncertain_as_their_lesions_are_few() -> None:
    lesions = np.repeat([f"lesion {n}" for n in range(24)], 2)
    malignant = np.arange(48) < 8
    weights = metrics.resampled_weights(lesions, seed=0)
    found = metrics.rates(malignant, malignant, weights)
    assert found == {"sensitivity": metrics.wilson(1, 4), "specificity": metrics.wilson(1, 20)}
    missed = metrics.rates(~malignant, malignant, weights)
    assert missed["sensitivity"] == metrics.wilson(0, 4)


def test_a_class_that_is_always_right_has_no_certain_sensitivity() -> None:
    case = predicted(skill=40.0, images_per_lesion=2)
    sensitivity = report(case).per_class["mel"].sensitivity
    lesions = len(np.unique(case.lesions[case.labels == 1]))
    assert sensitivity == metrics.wilson(1, lesions)
