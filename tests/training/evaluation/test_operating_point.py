import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from training.evaluation import operating_point
from training.evaluation.operating_point import Outcomes

RANDOM = np.random.default_rng(5)
ORIGINS = np.array(["home"] * 600 + ["far"] * 200 + ["tiny"] * 40)
MALIGNANT = RANDOM.random(840) < 0.3
# In the other origins cancers are less conspicuous.
SKILL = np.where(ORIGINS == "home", 0.3, 0.1)
PROBABILITIES = np.clip(RANDOM.random(840) * 0.7 + SKILL * MALIGNANT, 0, 1)
OUTCOMES = Outcomes(PROBABILITIES, MALIGNANT, ORIGINS, np.arange(840).astype(str))


def test_every_origin_has_its_own_rates_with_intervals() -> None:
    found = operating_point.measure(OUTCOMES, 0.5, ("tiny",), seed=0)
    assert set(found.by_origin) == {"home", "far", "tiny"}
    for name, of in found.by_origin.items():
        inside = np.equal(ORIGINS, name)
        ill, well = inside & MALIGNANT, inside & ~MALIGNANT
        assert (of.images, of.lesions, of.malignant) == (inside.sum(), inside.sum(), ill.sum())
        sensitivity, specificity = (PROBABILITIES[ill] >= 0.5).mean(), (PROBABILITIES[well] < 0.5)
        assert of.sensitivity["value"] == pytest.approx(sensitivity, abs=1e-4)
        assert of.specificity["value"] == pytest.approx(specificity.mean(), abs=1e-4)
        area = roc_auc_score(MALIGNANT[inside], PROBABILITIES[inside])
        assert of.auc["value"] == pytest.approx(area, abs=1e-4)
        for figure in (of.sensitivity, of.specificity, of.auc):
            assert figure["low"] < figure["value"] < figure["high"]


def test_the_whole_is_the_mean_over_origins_not_over_images() -> None:
    found = operating_point.measure(OUTCOMES, 0.5, (), seed=0)
    of = found.by_origin
    # The tiny origin has too few malignant images for full weight.
    weights = {name: min(1, entry.malignant / 50) for name, entry in of.items()}
    mean = sum(w * of[name].sensitivity["value"] for name, w in weights.items())
    assert found.sensitivity["value"] == pytest.approx(mean / sum(weights.values()), abs=1e-3)


def test_pooled_origins_have_a_row_together_and_each_alone() -> None:
    found = operating_point.measure(OUTCOMES, 0.5, ("far", "tiny"), seed=0)
    assert set(found.by_origin) == {"home", "far", "tiny", "far + tiny"}
    assert found.by_origin["far + tiny"].images == 240


def test_an_origin_without_malignant_images_has_no_sensitivity_and_spoils_nothing() -> None:
    outcomes = Outcomes(PROBABILITIES, MALIGNANT & (ORIGINS == "home"), ORIGINS, OUTCOMES.lesions)
    found = operating_point.measure(outcomes, 0.5, ("far", "tiny"), seed=0)
    assert found.by_origin["far"].sensitivity == {"value": None, "low": None, "high": None}
    assert found.by_origin["far"].auc["value"] is None
    home = found.by_origin["home"].sensitivity["value"]
    assert found.sensitivity["value"] == pytest.approx(home)
