import numpy as np
import pytest
from scipy.special import softmax

from lesionlens.model.manifest import DATASET, UNIFORM
from lesionlens.model.posterior import posterior
from training.evaluation import calibration, origins
from training.evaluation.metrics import Predictions

CLASSES = ("mel", "bkl", "nv")
SHARES = np.array([0.1, 0.2, 0.7])
# Distance of each class from the others.
CENTRES = np.array([1.5, 1.0, 2.0])


def case(
    count: int = 6000,
    shares: np.ndarray = SHARES,
    scales: tuple[float, ...] = (1.0, 1.0, 1.0),
    offsets: tuple[float, ...] = (0.0, 0.0, 0.0),
    origin: str = "home",
) -> tuple[Predictions, np.ndarray]:
    """Images with class frequencies ``shares``: logits, and their true log-likelihoods (N, C).

    Classes are Gaussians around the corners of a triangle, so the true likelihoods are known. The
    logits are these, wrongly scaled and offset.
    """
    random = np.random.default_rng(1)
    labels = random.choice(3, count, p=shares)
    seen = random.normal(size=(count, 3)) + CENTRES * np.eye(3)[labels]
    true = CENTRES * seen - CENTRES**2 / 2
    lesions = np.char.add(origin, np.arange(count).astype(str))
    logits = (true - offsets) / np.array(scales)
    return Predictions(labels, logits, lesions, np.full(count, origin)), true


def joined(*parts: Predictions) -> Predictions:
    fields = ("labels", "logits", "lesions", "origins")
    return Predictions(*(np.concatenate([getattr(p, name) for p in parts]) for name in fields))


@pytest.mark.parametrize(
    ("scales", "method"),
    [((0.5, 0.5, 0.5), calibration.TEMPERATURE), ((0.5, 2.0, 1.0), calibration.VECTOR)],
)
def test_scales_and_offsets_of_logits_are_recovered(scales: tuple[float, ...], method: str) -> None:
    predicted, true = case(scales=scales, offsets=(1.0, 0.0, -1.0))
    fitted = calibration.fit(predicted, CLASSES)
    for prior in (SHARES, np.full(3, 1 / 3), np.array([0.5, 0.3, 0.2])):
        expected = softmax(true + np.log(prior), axis=1)
        assert np.abs(posterior(predicted.logits, fitted, prior) - expected).mean() < 0.02
    if method == calibration.VECTOR:
        assert fitted.method == method
    assert len(set(fitted.scales)) == (1 if fitted.method == calibration.TEMPERATURE else 3)


def test_each_origin_is_judged_under_its_own_class_frequencies() -> None:
    """The same likelihoods for a clinic with mostly cancers and one that lacks a class."""
    sick, true = case(shares=np.array([0.6, 0.4, 0.0]), offsets=(1.0, 0.0, -1.0), origin="ward")
    well, _ = case(shares=np.array([0.05, 0.05, 0.9]), offsets=(1.0, 0.0, -1.0), origin="practice")
    fitted = calibration.fit(joined(sick, well), CLASSES)
    expected = softmax(true, axis=1)
    found = posterior(sick.logits, fitted, np.full(3, 1 / 3))
    assert np.abs(found - expected).mean() < 0.03


def test_few_images_give_bounded_parameters() -> None:
    """Six perfectly separable images: the likelihood has no finite maximum."""
    labels = np.array([0, 1, 2, 0, 1, 2])
    lesions = np.arange(6).astype(str)
    fitted = calibration.fit(
        Predictions(labels, 9 * np.eye(3)[labels], lesions, np.full(6, "home")), CLASSES
    )
    assert np.isfinite(fitted.offsets).all()
    assert max(fitted.scales) <= np.exp(3)


def test_the_priors_are_the_class_frequencies_and_none_rules_a_class_out() -> None:
    found = calibration.priors(np.array([2, 2, 2, 1]), 3)
    assert found[UNIFORM] == pytest.approx((1 / 3,) * 3, abs=1e-6)
    assert found[DATASET] == pytest.approx((0.5 / 4.5, 1 / 4.5, 3 / 4.5), abs=1e-6)


def test_the_threshold_is_the_highest_that_is_sensitive_enough() -> None:
    predicted, _ = case()
    probabilities = np.random.default_rng(0).random(6000)
    malignant = predicted.labels == 0
    found = calibration.threshold(probabilities, malignant, predicted.origins)
    flagged = probabilities[malignant] >= found
    assert flagged.mean() >= calibration.TARGET_SENSITIVITY
    higher = np.sort(probabilities[malignant][flagged])[1]
    assert (probabilities[malignant] >= higher).mean() < calibration.TARGET_SENSITIVITY


def test_origins_weigh_alike_in_the_threshold_however_many_images_they_have() -> None:
    """A large clinic with obvious cancers and a small one with inconspicuous ones."""
    large, small = np.linspace(0.8, 1, 2000), np.linspace(0, 0.5, 100)
    probabilities = np.concatenate([large, small])
    of = np.array(["large"] * 2000 + ["small"] * 100)
    malignant = np.ones(2100, bool)
    found = calibration.threshold(probabilities, malignant, of)
    # With none missed in the large one, twice the tolerated share may be missed in the small one.
    assert (small >= found).mean() == pytest.approx(0.9, abs=0.011)
    assert (probabilities >= found).mean() > 0.99


def test_without_a_malignant_image_there_is_no_threshold() -> None:
    with pytest.raises(ValueError, match="no image to choose the threshold on is malignant"):
        calibration.threshold(np.array([0.5]), np.array([False]), np.array(["home"]))


def test_origins_with_few_malignant_images_are_pooled_and_a_handful_counts_for_less() -> None:
    of = np.array(["a"] * 200 + ["b"] * 30 + ["c"] * 10)
    malignant = np.arange(240) % 2 == 0
    pooled = origins.with_few(of, malignant)
    assert pooled == ("b", "c")
    groups = origins.groups(of, pooled)
    assert {name: int(inside.sum()) for name, inside in groups.items()} == {"a": 200, "b + c": 40}
    assert origins.group_weights(of, malignant, pooled) == {"a": 1.0, "b + c": 20 / 50}
    weights = origins.image_weights(of, malignant)
    assert weights.mean() == pytest.approx(1)
    assert weights[of == "b"].sum() + weights[of == "c"].sum() == pytest.approx(
        weights[of == "a"].sum() * 20 / 50
    )
