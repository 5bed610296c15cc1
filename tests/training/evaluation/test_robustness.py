from collections.abc import Callable

import numpy as np
import pytest
from msgspec.structs import asdict
from PIL import Image, ImageFilter

from lesionlens.model.classifier import Classifier
from tests.pictures import lesion
from training.data.dataset import Dataset
from training.evaluation import robustness, served_predictions

DICE = np.random.default_rng(0)


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image, np.float64)


def detail(image: Image.Image) -> float:
    return float(pixels(image.convert("L").filter(ImageFilter.FIND_EDGES)).mean())


@pytest.mark.parametrize("kind", sorted(robustness.SETTINGS))
def test_a_degraded_image_keeps_its_size_and_is_reproducible(kind: str) -> None:
    degrade, strengths = robustness.SETTINGS[kind]
    image = lesion()
    before = image.tobytes()
    for strength in strengths:
        once = degrade(image, strength, np.random.default_rng(1))
        again = degrade(image, strength, np.random.default_rng(1))
        assert (once.size, once.mode) == (image.size, "RGB")
        assert once.tobytes() == again.tobytes() != before
    assert image.tobytes() == before


@pytest.mark.parametrize("kind", ["blur", "jpeg", "hair"])
def test_greater_strength_changes_an_image_more(kind: str) -> None:
    degrade, strengths = robustness.SETTINGS[kind]
    image = lesion()
    distances = [
        np.abs(pixels(degrade(image, strength, np.random.default_rng(1))) - pixels(image)).mean()
        for strength in strengths
    ]
    assert distances == sorted(distances)


def test_each_kind_does_what_it_says() -> None:
    image, chance = lesion(), np.random.default_rng(0)
    assert detail(robustness.blur(image, 0.02, chance)) < 0.75 * detail(image)
    dark = pixels(robustness.brightness(image, 0.5, chance))
    np.testing.assert_allclose(dark, pixels(image) * 0.5, atol=1)
    turned = pixels(robustness.rotation(image, 180, chance))
    np.testing.assert_array_equal(turned, pixels(image)[::-1, ::-1])
    noisy = pixels(robustness.noise(image, 10, chance)) - pixels(image)
    assert noisy.std() == pytest.approx(10, rel=0.05)
    framed = pixels(robustness.frame(image, 1.0, chance))
    middle, corner = (image.height // 2, image.width // 2), (0, 0)
    assert framed[corner].max() == 0
    np.testing.assert_array_equal(framed[middle], pixels(image)[middle])
    hairy = pixels(robustness.hair(image, 5, chance))
    covered = (hairy != pixels(image)).any(axis=-1)
    assert 0.002 < covered.mean() < 0.1
    assert hairy[covered].mean() < pixels(image)[covered].mean()


def test_the_blur_is_the_same_at_every_size() -> None:
    chance = np.random.default_rng(0)
    small, large = lesion(160, 120), lesion(640, 480)
    blurred = robustness.blur(large, 0.02, chance).resize((160, 120), Image.Resampling.BOX)
    difference = np.abs(pixels(blurred) - pixels(robustness.blur(small, 0.02, chance)))
    assert difference.mean() < 1.5


def test_every_setting_is_judged_by_the_release(
    drawn: Dataset, classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = drawn.records[:14]
    settings: dict[str, tuple[Callable[..., Image.Image], tuple[float, ...]]] = {
        "blur": (robustness.blur, (0.0, 0.05)),
    }
    monkeypatch.setattr(robustness, "SETTINGS", settings)
    plain = served_predictions.collect(classifier, records)
    found = robustness.report(classifier, plain, seed=0)
    assert found.none.difference == {"value": 0, "low": 0, "high": 0}
    untouched, blurred = found.blur
    assert asdict(untouched) == {**asdict(found.none), "strength": 0.0}
    assert blurred.strength == 0.05
    assert found.jpeg == ()
    assert [name for name, _ in found.rows()] == ["none", "blur 0", "blur 0.05"]
    worse = served_predictions.collect(
        classifier, records, lambda image, _: robustness.blur(image, 0.05, DICE)
    )
    assert not np.allclose(worse.logits, plain.logits)
