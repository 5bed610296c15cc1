import csv
from pathlib import Path

import numpy as np
import pytest

from lesionlens.imaging.model_input import Preprocessing
from training import config
from training.data import decoding, split
from training.data.dataset import Dataset
from training.evaluation import evaluate, predictions


def by_colour(frames: np.ndarray) -> np.ndarray:
    """Logits from the colours in the middle of an image, which partly separate the drawings."""
    middle = frames[:, 6:10, 6:10].mean(axis=(1, 2)) / 255
    return middle @ np.random.default_rng(0).normal(size=(3, 7)) * 5


def test_the_answers_that_are_left_have_the_figures_that_are_returned(
    drawn: Dataset, tmp_path: Path
) -> None:
    parts = split.make(drawn, config.load("smoke").data, seed=1)
    found = evaluate.evaluate(by_colour, drawn, parts, Preprocessing(16), 0, tmp_path / "answers")
    for part in split.HELD_OUT:
        ids, predicted = predictions.read(tmp_path / "answers" / f"{part}.csv")
        records = drawn.subset(getattr(parts, part))
        assert ids == [record.image_id for record in records]
        expected = by_colour(decoding.model_inputs(records, Preprocessing(16)))
        np.testing.assert_allclose(predicted.logits, expected, atol=1e-5)
        with (tmp_path / "answers" / f"isic-{part}.csv").open() as file:
            header, *rows = csv.reader(file)
        assert [row[0] for row in rows] == ids
        shares = np.array([row[1:] for row in rows], np.float64)
        shown = np.char.lower(np.array(header[1:]))[shares.argmax(axis=1)]
        right = shown == [record.dx for record in records]
        accuracy = found.metrics[part].accuracy["value"]
        assert right.mean() == pytest.approx(accuracy, abs=1e-4)
    assert found.priors["dataset"] == pytest.approx((1 / 7,) * 7, abs=1e-6)
    assert found.malignancy.validation.sensitivity["value"] >= 0.95
    assert found.malignancy.validation.by_origin.keys() == {"ham10000"}
