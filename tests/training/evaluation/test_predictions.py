from pathlib import Path

import numpy as np
import pytest

from tests.releases import CLASSES
from training.data.dataset import Dataset
from training.evaluation import metrics, predictions


def answers(drawn: Dataset, skill: float, seed: int, path: Path) -> Path:
    random = np.random.default_rng(seed)
    logits = random.normal(size=(len(drawn.records), 7)) + skill * np.eye(7)[drawn.labels]
    predictions.write(drawn.records, logits, path)
    return path


def test_answers_are_written_and_read(drawn: Dataset, tmp_path: Path) -> None:
    path = answers(drawn, 1, 0, tmp_path / "a.csv")
    assert path.read_text().startswith("image_id,lesion_id,origin,dx," + ",".join(CLASSES))
    ids, predicted = predictions.read(path)
    assert ids == [record.image_id for record in drawn.records]
    np.testing.assert_array_equal(predicted.labels, drawn.labels)
    np.testing.assert_array_equal(predicted.lesions, drawn.lesions)
    np.testing.assert_array_equal(predicted.origins, drawn.origins)
    assert predicted.logits.shape == (84, 7)


def test_a_paired_comparison_is_narrower_than_the_intervals_of_both(
    drawn: Dataset, tmp_path: Path
) -> None:
    weak = answers(drawn, 1.0, 0, tmp_path / "weak.csv")
    strong = answers(drawn, 2.0, 0, tmp_path / "strong.csv")
    found = predictions.compare(weak, strong, seed=0)["balanced accuracy, all"]
    difference = found["difference"]
    assert difference["value"] == pytest.approx(
        found["second"]["value"] - found["first"]["value"], abs=2e-4
    )
    assert difference["low"] > 0
    widths = {name: entry["high"] - entry["low"] for name, entry in found.items()}
    assert widths["difference"] < 0.95 * np.hypot(widths["first"], widths["second"])


def test_log_losses_are_compared_by_origin_and_with_the_mean_of_both(
    drawn: Dataset, tmp_path: Path
) -> None:
    one = answers(drawn, 2.0, 0, tmp_path / "one.csv")
    other = answers(drawn, 2.0, 1, tmp_path / "other.csv")
    found = predictions.compare(one, other, seed=0)
    assert set(found) == {"log loss, all", "balanced accuracy, all"} | {
        f"{figure}, ham10000" for figure in ("log loss", "balanced accuracy")
    }
    loss = found["log loss, all"]
    _, predicted = predictions.read(one)
    assert loss["first"]["value"] == pytest.approx(
        metrics.log_loss(predicted.labels, predicted.logits), abs=1e-4
    )
    # Errors that are independent average out.
    assert loss["mean of both"]["high"] < min(loss["first"]["value"], loss["second"]["value"])


def test_answers_for_different_images_do_not_compare(drawn: Dataset, tmp_path: Path) -> None:
    first = answers(drawn, 1, 0, tmp_path / "first.csv")
    second = tmp_path / "second.csv"
    lines = first.read_text().splitlines(keepends=True)
    second.write_text("".join(lines[:-1]))
    with pytest.raises(ValueError, match="are answers for different images"):
        predictions.compare(first, second, seed=0)
