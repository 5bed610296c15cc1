import dataclasses

import numpy as np
import pytest

from tests import releases
from training.data.dataset import Dataset
from training.evaluation import analysis
from training.evaluation.served_predictions import Answers


def test_of_each_class_no_more_images_are_made_worse_than_it_takes(
    drawn: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(analysis, "DEGRADED_PER_CLASS", 5)
    kept = [r for n, r in enumerate(drawn.records) if r.dx != "df" or n % 6 == 0]
    some = dataclasses.replace(drawn, records=tuple(kept))
    answers = Answers(some.records, releases.manifest(), np.zeros((len(kept), 7)))
    chosen = analysis._degraded(answers, seed=1)
    counts = np.bincount(answers.labels[chosen], minlength=7)
    present = np.bincount(answers.labels, minlength=7)
    np.testing.assert_array_equal(counts, np.minimum(present, 5))
    np.testing.assert_array_equal(chosen, analysis._degraded(answers, seed=1))
