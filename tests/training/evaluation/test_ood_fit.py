import numpy as np
import pytest
from PIL import Image

from training.data.ood_images import SEEN, UNSEEN, Foreign
from training.evaluation import ood_fit

RANDOM = np.random.default_rng(0)
# Features of uneven spread, correlated, one of them constant.
MIXING = RANDOM.normal(size=(12, 12)) * np.linspace(0.1, 5, 12)
HOME = (RANDOM.normal(size=(2000, 12)) @ MIXING + 3).astype(np.float32)
HOME[:, 4] = 1.5


def test_scores_are_about_1_at_home_and_grow_with_distance() -> None:
    fitted = ood_fit.fit(HOME)
    scores = fitted.scores(HOME)
    assert scores.mean() == pytest.approx(1, abs=0.1)
    # Far in a direction in which nothing at home varies much.
    odd = HOME + 20 * np.linalg.svd(HOME - HOME.mean(axis=0))[2][-2].astype(np.float32)
    assert (fitted.scores(odd) > scores.max()).all()


def test_there_are_no_more_components_than_images_can_tell() -> None:
    assert ood_fit.fit(HOME[:20]).projection.shape == (12, 5)
    assert ood_fit.fit(HOME).projection.shape == (12, 12)


def test_the_threshold_lets_the_stated_share_pass() -> None:
    scores = np.random.default_rng(1).gamma(5, size=1000).astype(np.float32)
    limit = ood_fit.threshold(scores)
    assert (scores <= limit).mean() == pytest.approx(ood_fit.PASS, abs=0.002)
    passed = ood_fit.passed(scores, limit, np.arange(1000).astype(str), seed=0)
    assert passed["value"] == pytest.approx(ood_fit.PASS, abs=0.002)
    assert passed["low"] < passed["value"] < passed["high"]


def test_what_is_caught_is_told_by_half_and_what_is_missed_by_source() -> None:
    image = Image.new("RGB", (32, 32))
    pictures = [
        Foreign(source, half, image)
        for source, half in (("cat", SEEN), ("cat", SEEN), ("skin", UNSEEN), ("page", UNSEEN))
    ]
    found = ood_fit.caught(pictures, np.array([2.0, 3.0, 0.9, 2.0], np.float32), 1.5, seed=0)
    assert found[SEEN]["share"]["value"] == 1
    assert found[UNSEEN] == {
        "pictures": 2, "sources": 2, "share": {"value": 0.5, "low": 0.0, "high": 1.0},
    }  # fmt: skip
    assert found["missed"] == {"skin": 1.0}
