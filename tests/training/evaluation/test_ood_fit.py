import dataclasses

import numpy as np
import pytest

from lesionlens.model.ood import KINDS, log_odds
from training.data.kinds import TRAIN, VALIDATION
from training.evaluation import ood_fit
from training.evaluation.ood_fit import Shown

RANDOM = np.random.default_rng(0)
# Correlated features of different spread; one is constant in dermatoscopic images.
MIXING = RANDOM.normal(size=(12, 12)) * np.linspace(0.1, 5, 12)
# Centre of each kind, separated from the others in one direction.
CENTRES = np.zeros((3, 12))
CENTRES[1, 0], CENTRES[2, 1] = 8, 8


def features(kind: int, count: int) -> np.ndarray:
    made = ((RANDOM.normal(size=(count, 12)) + CENTRES[kind]) @ MIXING + 3).astype(np.float32)
    made[:, 4] = 1.5
    return made


def shown(counts: tuple[int, ...] = (900, 300, 300), part: str = TRAIN) -> Shown:
    kinds = np.repeat(KINDS, counts)
    names = np.array([f"{kind} {n % 3}" for n, kind in enumerate(kinds)])
    return Shown(
        features=np.concatenate([features(kind, count) for kind, count in enumerate(counts)]),
        kinds=kinds,
        origins=names,
        groups=np.arange(len(kinds)).astype(str),
        parts=np.full(len(kinds), part),
        altered=np.zeros(len(kinds), bool),
        framed=np.zeros(len(kinds), bool),
    )


TAUGHT, HOME = shown(), shown((600, 0, 0), VALIDATION)
FITTED = ood_fit.fit(TAUGHT, HOME)


def test_each_kind_gets_the_highest_logit_of_its_own() -> None:
    for kind in range(3):
        logits = FITTED.detector.logits(features(kind, 200))
        assert (logits.argmax(axis=1) == kind).mean() > 0.98


def test_the_distance_is_about_1_for_dermatoscopic_images_and_larger_for_others() -> None:
    home = HOME.features
    distances = FITTED.detector.distances(home)
    assert distances.mean() == pytest.approx(1, abs=0.1)
    # Far away in a direction in which dermatoscopic images hardly vary.
    odd = home + 20 * np.linalg.svd(home - home.mean(axis=0))[2][-2].astype(np.float32)
    assert (FITTED.detector.distances(odd) > distances.max()).all()
    assert not FITTED.accepts(odd).any()


def test_there_are_no_more_components_than_images_can_tell() -> None:
    few = ood_fit.fit(shown((20, 20, 20)), HOME)
    assert few.detector.projection.shape == (12, 5)
    assert FITTED.detector.projection.shape == (12, 12)


def test_the_limits_let_the_stated_shares_pass() -> None:
    near = FITTED.detector.distances(HOME.features) <= FITTED.farthest
    likely = log_odds(FITTED.detector.logits(HOME.features)) >= FITTED.least_log_odds
    assert near.mean() == pytest.approx(ood_fit.PASS_DISTANCE, abs=0.003)
    assert likely.mean() == pytest.approx(ood_fit.PASS_LOG_ODDS, abs=0.003)
    np.testing.assert_array_equal(FITTED.accepts(HOME.features), near & likely)


def test_a_small_origin_counts_as_much_as_a_large_one_for_the_limits() -> None:
    """Of two origins the small one is farther away: its distances must set the limit."""
    far = HOME.features[:40] + 3 * (HOME.features[:40] - HOME.features.mean(axis=0))
    validation = dataclasses.replace(
        shown((640, 0, 0), VALIDATION),
        features=np.concatenate([HOME.features, far]),
        origins=np.repeat(["large", "small"], [600, 40]),
    )
    farther = ood_fit.fit(TAUGHT, validation).farthest
    assert farther > 1.5 * FITTED.farthest


def test_of_the_copies_the_distance_learns_from_framed_ones_alone() -> None:
    for copies, moves in (("altered", False), ("framed", True)):
        strange = dataclasses.replace(shown((900, 0, 0)), **{copies: np.ones(900, bool)})
        strange.features[:] += 30
        both = Shown(
            *(
                np.concatenate([getattr(TAUGHT, field.name), getattr(strange, field.name)])
                for field in dataclasses.fields(Shown)
            )
        )
        found = ood_fit.fit(both, HOME).detector
        stays = np.allclose(found.mean, FITTED.detector.mean, rtol=1e-6)
        assert stays != moves, copies
        assert not np.allclose(found.weights, FITTED.detector.weights, rtol=1e-2)


@pytest.mark.parametrize(
    ("counts", "missing"), [((300, 0, 300), "close-up"), ((300, 300, 0), "other")]
)
def test_a_kind_without_pictures_is_told(counts: tuple[int, ...], missing: str) -> None:
    with pytest.raises(ValueError, match=f"no pictures to teach the kind '{missing}'"):
        ood_fit.fit(shown(counts), HOME)
