"""The ISIC challenge's scorer reads our files and computes the same figures."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from isic_challenge_scoring.classification import ClassificationMetric, ClassificationScore
from scipy.special import softmax

from lesionlens.model.manifest import PRIORS
from training.data.dataset import CLASSES, Dataset
from training.evaluation import isic, metrics
from training.evaluation.metrics import Predictions

# The scorer uses a deprecated function of pandas.
pytestmark = pytest.mark.filterwarnings("ignore:DataFrame.applymap:FutureWarning")


def scored(answers: Path, ids: list[str], labels: np.ndarray) -> dict[str, Any]:
    truth = answers.with_suffix(".truth.csv")
    isic.write(ids, np.eye(len(CLASSES))[labels], CLASSES, truth)
    metric = ClassificationMetric.BALANCED_ACCURACY
    return ClassificationScore.from_file(truth, answers, metric).to_dict(rocs=False)


def test_the_challenges_columns(tmp_path: Path) -> None:
    shares = np.arange(1, 8)[None] / 28
    isic.write(["ISIC_1"], shares, CLASSES, tmp_path / "answers.csv")
    header, row = (tmp_path / "answers.csv").read_text().splitlines()
    assert header == "image,MEL,NV,BCC,AKIEC,BKL,DF,VASC"
    name, *values = row.split(",")
    assert name == "ISIC_1"
    assert [float(value) * 28 for value in values] == pytest.approx([5, 6, 2, 1, 3, 4, 7])


@pytest.mark.parametrize("skill", [0.5, 2.0])
def test_the_scorer_agrees_with_our_figures(drawn: Dataset, tmp_path: Path, skill: float) -> None:
    random = np.random.default_rng(8)
    logits = random.normal(size=(84, 7)) + skill * np.eye(7)[drawn.labels]
    ids = [record.image_id for record in drawn.records]
    isic.write(ids, softmax(logits, axis=1), CLASSES, tmp_path / "answers.csv")
    score = scored(tmp_path / "answers.csv", ids, drawn.labels)
    predicted = Predictions(drawn.labels, logits, drawn.lesions, drawn.origins)
    ours = metrics.report(dict.fromkeys(PRIORS, predicted), CLASSES, seed=0)
    assert score["overall"] == pytest.approx(ours.balanced_accuracy["value"], abs=1e-4)
    assert score["macro_average"]["auc"] == pytest.approx(ours.macro_auc["value"], abs=1e-4)
    for label, entry in ours.per_class.items():
        auc = score["per_category"]["auc"][label.upper()]
        assert auc == pytest.approx(entry.auc["value"], abs=1e-4), label
