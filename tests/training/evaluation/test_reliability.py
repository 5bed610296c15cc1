import dataclasses

import msgspec
import numpy as np
import pytest
from scipy.special import softmax
from sklearn.metrics import brier_score_loss, log_loss

from lesionlens.model.manifest_sections import Calibration
from tests import releases
from training.data.dataset import Dataset, Record
from training.evaluation import metrics, reliability
from training.evaluation.served_predictions import Answers


def forecast(
    images: int = 3000, sharpened: float = 1.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels drawn with the given probabilities, which are then ``sharpened``."""
    random = np.random.default_rng(3)
    logits = random.normal(size=(images, 4)) * 2
    chance = random.random((images, 1))
    labels = (softmax(logits, axis=1).cumsum(axis=1) < chance).sum(axis=1)
    weights = metrics.resampled_weights(np.arange(images).astype(str), seed=0)
    return labels, softmax(logits * sharpened, axis=1), weights


def test_values_agree_with_scikit_learn() -> None:
    labels, shares, weights = forecast(300)
    found = reliability.top_label(labels, shares, weights)
    assert found.nll["value"] == pytest.approx(log_loss(labels, shares), abs=1e-4)
    brier = ((shares - np.eye(4)[labels]) ** 2).sum(axis=1).mean()
    assert found.brier["value"] == pytest.approx(brier, abs=1e-4)
    first = reliability.binary(labels == 0, shares[:, 0], weights)
    assert first.brier["value"] == pytest.approx(
        brier_score_loss(labels == 0, shares[:, 0]), abs=1e-4
    )
    assert first.nll["value"] == pytest.approx(log_loss(labels == 0, shares[:, 0]), abs=1e-4)


def test_the_calibration_error_by_hand() -> None:
    probabilities = np.array([0.96, 0.98, 1.0, 0.5, 0.5, 0.02])
    outcomes = np.array([True, True, False, True, True, False])
    # The bins from 14/15, from 7/15 and from 0 have three, two and one images.
    expected = abs(2.94 - 2) / 6 + abs(1.0 - 2) / 6 + 0.02 / 6
    errors = reliability.calibration_errors(probabilities, outcomes, np.ones((1, 6)))
    assert errors == pytest.approx([expected])
    # An image of weight 2 is equivalent to two images.
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
    found = reliability.bins(confidence, right, np.ones(len(labels)))
    assert sum(entry.images for entry in found) == len(labels)
    last = found[-1]
    assert last.start == pytest.approx(14 / 15, abs=1e-4)
    inside = confidence >= 14 / 15
    assert last.probability == pytest.approx(confidence[inside].mean(), abs=1e-4)
    assert last.came_true == pytest.approx(right[inside].mean(), abs=1e-4)


def test_overconfidence_raises_the_calibration_error() -> None:
    honest = reliability.top_label(*forecast())
    boastful = reliability.top_label(*forecast(sharpened=3))
    assert honest.calibration_error["value"] < 0.03
    assert boastful.calibration_error["low"] > 0.1
    for figure in ("calibration_error", "brier", "nll"):
        own, other = getattr(honest, figure), getattr(boastful, figure)
        assert own["value"] < other["low"]
        assert own["low"] <= own["value"] <= own["high"]


def test_a_certain_error_has_a_large_but_finite_loss() -> None:
    shares = np.array([[1.0, 0.0], [0.0, 1.0]])
    found = reliability.top_label(np.array([1, 1]), shares, np.ones((3, 2)))
    assert 5 < found.nll["value"] < 20


def answered(drawn: Dataset, shares: np.ndarray) -> Answers:
    """Predictions with the shipped manifest, but logits that already are log-likelihoods."""
    neutral = Calibration("none", (1.0,) * 7, (0.0,) * 7)
    manifest = msgspec.structs.replace(releases.manifest(), calibration=neutral)
    return Answers(drawn.records, manifest, np.log(shares))


def test_under_the_uniform_prior_every_class_weighs_alike(drawn: Dataset) -> None:
    """Certain of everything and right about one class, which half of all images have."""
    many = dataclasses.replace(
        drawn, records=drawn.records + 7 * tuple(r for r in drawn.records if r.dx == "nv")
    )
    right = many.labels == many.labels[-1]
    told = np.where(right, many.labels, (many.labels + 1) % 7)
    shares = np.eye(7)[told] * (1 - 7e-9) + 1e-9
    found = reliability.report(answered(many, shares), seed=0)
    assert right.mean() > 0.5
    assert found["dataset"].top_label.calibration_error["value"] == pytest.approx(
        1 - right.mean(), abs=0.01
    )
    assert found["uniform"].top_label.calibration_error["value"] == pytest.approx(6 / 7, abs=0.01)


def test_an_origin_is_judged_under_its_own_share_of_malignant_images(drawn: Dataset) -> None:
    """Uninformative likelihoods: at the true prevalence they are perfectly calibrated."""
    records = tuple(
        dataclasses.replace(record, origin="ward" if index % 2 else "practice")
        for index, record in enumerate(drawn.records)
        if index % 2 or record.dx != "mel"
    )
    some = dataclasses.replace(drawn, records=(*records, *(_single(records[0]),)))
    found = reliability.by_origin(answered(some, np.full((len(some.records), 7), 1 / 7)), seed=0)
    assert set(found) == {"ward", "practice"}
    for figures in found.values():
        assert figures.calibration_error["value"] == pytest.approx(0, abs=1e-3)


def _single(record: Record) -> Record:
    return dataclasses.replace(record, origin="one image", image_id="x", lesion_id="x")
