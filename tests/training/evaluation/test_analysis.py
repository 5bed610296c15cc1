import dataclasses

import numpy as np
import pytest

from tests import releases
from training.data.dataset import Dataset
from training.evaluation import analysis
from training.evaluation.served_predictions import Answers


def test_the_number_of_degraded_images_is_limited_by_class(
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
