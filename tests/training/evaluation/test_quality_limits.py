import numpy as np
import pytest

from training.evaluation import quality_limits

RANDOM = np.random.default_rng(0)
# Half of the images have fine stripes, which are lost at small sizes.
LABELS = np.arange(60) % 2
STRIPES = 40 * (np.arange(64) % 2)[None, :, None] * LABELS[:, None, None, None]
FRAMES = (RANDOM.integers(90, 130, (60, 1, 1, 3)) + RANDOM.integers(0, 9, (60, 64, 64, 3))).astype(
    np.uint8
) + STRIPES.astype(np.uint8)


def seen(frames: np.ndarray) -> np.ndarray:
    """A model that recognizes a class by the stripes."""
    striped = np.abs(np.diff(frames.astype(float), axis=2)).mean(axis=(1, 2, 3)) > 15
    return np.eye(2)[striped.astype(int)]


def bright(frames: np.ndarray) -> np.ndarray:
    """A detector that refuses dark images."""
    return frames.mean(axis=(1, 2, 3)) > 60


def test_degraded_images_exceed_the_limits_and_others_rarely_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(quality_limits, "SIDES", (16, 32))
    found = quality_limits.limits(FRAMES, LABELS, seen, bright, seed=0)
    warned = found.warned
    assert (
        max(warned["undisturbed"][limit] for limit in ("sharpness", "darkest", "brightest")) <= 0.02
    )
    assert warned["blur 4"]["sharpness"] > 0.9
    assert warned["exposure 0.2"]["darkest"] == 1
    assert warned["exposure 2.5"]["brightest"] == 1
    assert warned["exposure 0.2"]["brightest"] == 0
    recognized = {name: shares["recognized"] for name, shares in warned.items()}
    assert recognized["undisturbed"] == recognized["blur 4"] == 1
    assert recognized["exposure 0.2"] == 0
    assert found.balanced_accuracy_by_side == {"16": 0.5, "32": 0.5, "undisturbed": 1.0}
    assert found.limits["side"] == 64


@pytest.mark.parametrize(
    ("accuracies", "expected"),
    [
        ({32: 0.5, 64: 0.79, 96: 0.8}, 64),
        ({32: 0.8, 64: 0.8, 96: 0.8}, 32),
        # A small size that happens to do well does not count.
        ({32: 0.8, 64: 0.7, 96: 0.8}, 96),
        ({32: 0.5, 64: 0.5, 96: 0.8}, 96),
    ],
)
def test_the_least_side(accuracies: dict[int, float], expected: int) -> None:
    assert quality_limits._least_side(accuracies, 0.8) == expected
