import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, log_loss

from training.evaluation import metrics, reliability


def forecast(
    images: int = 3000, sharpened: float = 1.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels that come true as often as the probabilities say, before these are ``sharpened``."""
    random = np.random.default_rng(3)
    logits = random.normal(size=(images, 4)) * 2
    chance = random.random((images, 1))
    labels = (metrics.softmax(logits).cumsum(axis=1) < chance).sum(axis=1)
    return labels, metrics.softmax(logits * sharpened), np.arange(images).astype(str)


def test_values_agree_with_scikit_learn() -> None:
    labels, shares, lesions = forecast(300)
    found = reliability.top_label(labels, shares, lesions, seed=0)
    assert found["nll"]["value"] == pytest.approx(log_loss(labels, shares), abs=1e-4)
    brier = ((shares - np.eye(4)[labels]) ** 2).sum(axis=1).mean()
    assert found["brier"]["value"] == pytest.approx(brier, abs=1e-4)
    first = reliability.binary(labels == 0, shares[:, 0], lesions, seed=0)
    assert first["brier"]["value"] == pytest.approx(
        brier_score_loss(labels == 0, shares[:, 0]), abs=1e-4
    )
    assert first["nll"]["value"] == pytest.approx(log_loss(labels == 0, shares[:, 0]), abs=1e-4)


def test_the_calibration_error_by_hand() -> None:
    probabilities = np.array([0.96, 0.98, 1.0, 0.5, 0.5, 0.02])
    outcomes = np.array([True, True, False, True, True, False])
    # The bins from 14/15, from 7/15 and from 0 hold three images, two and one.
    expected = abs(2.94 - 2) / 6 + abs(1.0 - 2) / 6 + 0.02 / 6
    errors = reliability.calibration_errors(probabilities, outcomes, np.ones((1, 6)))
    assert errors == pytest.approx([expected])
    # An image of double weight is the same as two images.
    twice = reliability.calibration_errors(
        probabilities[[0, 1, 2, 2]], outcomes[[0, 1, 2, 2]], np.ones((1, 4))
    )
    weighted = reliability.calibration_errors(
        probabilities[:3], outcomes[:3], np.array([[1.0, 1.0, 2.0]])
    )
    assert twice == pytest.approx(weighted)


def test_the_bins_hold_every_image_and_both_means() -> None:
    labels, shares, _ = forecast()
    confidence, right = shares.max(axis=1), shares.argmax(axis=1) == labels
    found = reliability.bins(confidence, right)
    assert sum(entry["images"] for entry in found) == len(labels)
    last = found[-1]
    assert last["from"] == pytest.approx(14 / 15, abs=1e-4)
    inside = confidence >= 14 / 15
    assert last["probability"] == pytest.approx(confidence[inside].mean(), abs=1e-4)
    assert last["came_true"] == pytest.approx(right[inside].mean(), abs=1e-4)


def test_overconfidence_is_seen_and_honesty_too() -> None:
    honest = reliability.top_label(*forecast(), seed=0)
    boastful = reliability.top_label(*forecast(sharpened=3), seed=0)
    assert honest["calibration_error"]["value"] < 0.03
    assert boastful["calibration_error"]["low"] > 0.1
    for figure in ("calibration_error", "brier", "nll"):
        assert honest[figure]["value"] < boastful[figure]["low"]
        assert honest[figure]["low"] <= honest[figure]["value"] <= honest[figure]["high"]


def test_a_sure_mistake_is_dear_but_finite() -> None:
    lesions = np.array(["a", "b"])
    shares = np.array([[1.0, 0.0], [0.0, 1.0]])
    found = reliability.top_label(np.array([1, 1]), shares, lesions, seed=0)
    assert 5 < found["nll"]["value"] < 20
