import dataclasses

import msgspec
import numpy as np
import pytest

from lesionlens.model.manifest_sections import Calibration
from tests import releases
from training.data.dataset import CLASSES, Dataset, Record
from training.evaluation import metrics, subgroups
from training.evaluation.served_predictions import Answers

MANIFEST = msgspec.structs.replace(
    releases.manifest(), calibration=Calibration("none", (1.0,) * 7, (0.0,) * 7)
)


@pytest.mark.parametrize(
    ("age", "band"),
    [
        ("5.0", "under 30"),
        ("29", "under 30"),
        ("30.0", "30 to 49"),
        ("69", "50 to 69"),
        ("70", "70 and over"),
        ("85.0", "70 and over"),
        ("0.0", "unknown"),
        ("", "unknown"),
        ("nan", "unknown"),
        ("old", "unknown"),
    ],
)
def test_ages_fall_into_bands(drawn: Dataset, age: str, band: str) -> None:
    assert subgroups.age_band(dataclasses.replace(drawn.records[0], age=age)) == band


def answered(records: tuple[Record, ...]) -> Answers:
    """Predictions that are right for women, and wrong and never flagged for men."""
    labels = np.array([CLASSES.index(record.dx) for record in records])
    women = np.array([record.sex == "female" for record in records])
    benign = CLASSES.index("nv")
    wrong = np.where(labels == benign, CLASSES.index("df"), benign)
    logits = 20 * np.eye(7)[np.where(women, labels, wrong)]
    return Answers(records, MANIFEST, logits)


def test_errors_appear_in_the_figures_of_their_group(drawn: Dataset) -> None:
    found = subgroups.report(answered(drawn.records), seed=0)
    women, men = found["sex"]["female"], found["sex"]["male"]
    assert women.accuracy == {"value": 1, "low": 1, "high": 1}
    assert women.malignancy_sensitivity["value"] == 1
    assert men.balanced_accuracy["value"] == 0
    assert men.malignancy_sensitivity["value"] == 0
    assert men.malignancy_specificity["value"] == 1
    assert women.images + men.images == 84
    for grouping in found.values():
        assert sum(group.images for group in grouping.values()) == 84
        assert sum(group.lesions for group in grouping.values()) == 42


def test_few_lesions_and_what_is_undefined_are_told(drawn: Dataset) -> None:
    records = tuple(
        dataclasses.replace(record, dx_type="histo" if record.dx == "mel" else "follow_up")
        for record in drawn.records
    )
    found = subgroups.report(answered(records), seed=0)["dx_type"]
    assert found["histo"].few
    assert not found["follow_up"].few
    assert found["histo"].classes == 1
    assert found["histo"].malignancy_specificity == {"value": None, "low": None, "high": None}
    assert found["histo"].malignant == found["histo"].images == 12


def test_a_group_s_figures_are_those_of_its_images_alone(drawn: Dataset) -> None:
    answers = answered(drawn.records)
    inside = np.array([record.localization == "back" for record in drawn.records])
    alone = metrics.report(answers.subset(inside).by_prior, CLASSES, seed=1)
    found = subgroups.report(answers, seed=0)["localization"]["back"]
    assert found.accuracy["value"] == alone.default.accuracy["value"]
    assert found.balanced_accuracy["value"] == alone.balanced_accuracy["value"]
    assert found.accuracy["low"] < found.accuracy["value"] < found.accuracy["high"]
