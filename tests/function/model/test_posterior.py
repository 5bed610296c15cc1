import msgspec
import numpy as np
import pytest

from lesionlens.model.manifest import PRIORS
from lesionlens.model.manifest_sections import Calibration
from lesionlens.model.posterior import (
    malignant_share,
    named_prior,
    posterior,
    prior_of_prevalence,
    scaled,
)
from tests import releases

MANIFEST = releases.manifest()
CLASSES = MANIFEST.classes
LOGITS = np.random.default_rng(0).normal(scale=3, size=(200, len(CLASSES)))
NEUTRAL = Calibration("none", (1.0,) * len(CLASSES), (0.0,) * len(CLASSES))


def under(shares: np.ndarray) -> np.ndarray:
    return posterior(LOGITS, MANIFEST.calibration, shares)


def test_scales_multiply_and_offsets_are_added() -> None:
    by = Calibration("vector scaling", (2.0, 1.0), (0.0, 0.5))
    assert scaled(np.array([1.0, 3.0], np.float32), by).tolist() == [2.0, 3.5]
    first, second = posterior(np.array([1.0, 3.0]), by, np.array([0.5, 0.5]))
    assert second / first == pytest.approx(np.exp(1.5))


@pytest.mark.parametrize("name", PRIORS)
def test_the_posterior_is_likelihood_times_prior(name: str) -> None:
    prior = named_prior(MANIFEST, name)
    assert prior.shares.sum() == pytest.approx(1)
    expected = np.exp(scaled(LOGITS, MANIFEST.calibration)) * prior.shares
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(under(prior.shares), expected, atol=1e-12)


def test_huge_logits_do_not_overflow() -> None:
    logits = np.zeros(len(CLASSES))
    logits[CLASSES.index("mel")] = 1e30
    shares = named_prior(MANIFEST, "dataset").shares
    found = posterior(logits, NEUTRAL, shares)
    assert found[CLASSES.index("mel")] == 1
    assert malignant_share(found, CLASSES) == 1
    assert malignant_share(posterior(-logits, NEUTRAL, shares), CLASSES) < 1


@pytest.mark.parametrize("prevalence", [0.0001, 0.05, 0.5, 0.9999])
def test_a_prevalence_scales_the_odds_and_leaves_the_shares_within(prevalence: float) -> None:
    usual = named_prior(MANIFEST, "dataset")
    prior = prior_of_prevalence(MANIFEST, prevalence)
    assert (prior.name, prior.malignant) == ("prevalence", prevalence)
    assert prior.shares.sum() == pytest.approx(1)
    assert malignant_share(prior.shares, CLASSES) == pytest.approx(prevalence)
    # Without the release's scales, which could bring a share close to the rounding of `posterior`.
    before, after = (posterior(LOGITS, NEUTRAL, each.shares) for each in (usual, prior))
    odds = [p / (1 - p) for p in (malignant_share(x, CLASSES) for x in (before, after))]
    factor = prevalence / (1 - prevalence) / (usual.malignant / (1 - usual.malignant))
    np.testing.assert_allclose(odds[1] / odds[0], factor, rtol=1e-6)
    mel, bcc = CLASSES.index("mel"), CLASSES.index("bcc")
    ratios = [x[:, mel] / x[:, bcc] for x in (before, after)]
    np.testing.assert_allclose(ratios[1], ratios[0], rtol=1e-4)


def test_the_usual_prevalence_is_the_usual_prior() -> None:
    usual = named_prior(MANIFEST, "dataset")
    stated = prior_of_prevalence(MANIFEST, usual.malignant)
    np.testing.assert_allclose(under(stated.shares), under(usual.shares), atol=1e-12)


def test_rounded_shares_of_a_manifest_count_as_if_they_summed_to_1() -> None:
    rounded = msgspec.structs.replace(
        MANIFEST, priors={**MANIFEST.priors, "uniform": (0.142857,) * len(CLASSES)}
    )
    assert named_prior(rounded, "uniform").shares.sum() == pytest.approx(1, abs=1e-15)
