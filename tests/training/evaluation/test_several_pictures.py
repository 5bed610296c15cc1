import numpy as np
import pytest

from tests import releases
from training.data.dataset import CLASSES, Dataset
from training.evaluation import several_pictures
from training.evaluation.served_predictions import Answers

MALIGNANT, BENIGN = CLASSES.index("mel"), CLASSES.index("nv")
SEVERAL = 28  # of the 42 drawn lesions have two or three pictures


def answers(drawn: Dataset, alarming: np.ndarray) -> Answers:
    """Certain answers: a melanoma where ``alarming`` says so, a mole elsewhere."""
    logits = 30 * np.eye(7)[np.where(alarming, MALIGNANT, BENIGN)]
    return Answers(drawn.records, releases.manifest(), logits)


def test_each_way_decides_by_its_own_picture(drawn: Dataset) -> None:
    """The first picture of each malignant lesion alarms, and the second of each benign one."""
    blank = answers(drawn, np.zeros(84, bool))
    first = np.zeros(84, bool)
    first[np.unique(blank.lesions, return_index=True)[1]] = True
    alarming = blank.malignant == first

    lesions, malignant, found = several_pictures.compare(answers(drawn, alarming), seed=0)

    assert lesions == SEVERAL
    assert 0 < malignant < SEVERAL
    values = {
        name: (rates["sensitivity"]["value"], rates["specificity"]["value"])
        for name, rates in found.items()
    }
    assert values == {
        "the first picture alone": (1, 1),
        "the most urgent": (1, 0),
        "their mean": (1, 0),
        "the least urgent": (0, 1),
    }


def test_lesions_with_one_picture_are_left_out(drawn: Dataset) -> None:
    everything = answers(drawn, np.zeros(84, bool))
    names, counts = np.unique(everything.lesions, return_counts=True)
    shortened = everything.lesions == names[counts > 1][0]
    shortened[shortened.argmax()] = False
    assert several_pictures.compare(everything.subset(~shortened), seed=0)[0] == SEVERAL - 1


def test_without_a_malignant_lesion_nothing_is_compared(drawn: Dataset) -> None:
    everything = answers(drawn, np.zeros(84, bool))
    with pytest.raises(ValueError, match="need malignant and benign lesions"):
        several_pictures.compare(everything.subset(~everything.malignant), seed=0)
