import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.special import softmax

from lesionlens import pipeline
from lesionlens.model.classifier import Classifier
from training.data.dataset import Dataset, DatasetError
from training.evaluation import served_predictions


def test_answers_are_those_of_the_function(drawn: Dataset, classifier: Classifier) -> None:
    records = drawn.records[:5]
    found = served_predictions.collect(classifier, records)
    for place, record in enumerate(records):
        served = pipeline.classify(record.path.read_bytes(), classifier)
        shares = {entry["label"]: entry["probability"] for entry in served["probabilities"]}
        assert dict(zip(found.classes, found.probabilities()[place], strict=True)) == shares
        # The function gives no prediction for pictures that are not dermatoscopic.
        if malignancy := served["malignancy"]:
            assert found.malignancy[place] == malignancy["probability"]
            assert found.flagged[place] == malignancy["flag"]
    np.testing.assert_array_equal(found.labels, drawn.labels[:5])
    assert found.malignant.tolist() == [r.dx in ("akiec", "bcc", "mel") for r in records]
    for prior, predicted in found.by_prior.items():
        shares = softmax(predicted.logits, axis=1)
        np.testing.assert_allclose(shares, found.probabilities(prior), atol=1e-12)


def test_a_part_of_the_answers_is_those_of_its_images(
    drawn: Dataset, classifier: Classifier
) -> None:
    found = served_predictions.collect(classifier, drawn.records[:6])
    chosen = np.array([True, False, True, False, False, True])
    some = found.subset(chosen)
    np.testing.assert_array_equal(some.malignancy, found.malignancy[chosen])
    np.testing.assert_array_equal(some.labels, found.labels[chosen])
    assert some.in_distribution is not None
    assert len(some.in_distribution) == 3


def test_a_changed_image_is_judged_in_place_of_the_file(
    drawn: Dataset, classifier: Classifier
) -> None:
    records = drawn.records[:3]
    seen = []

    def turned(image: Image.Image, index: int) -> Image.Image:
        seen.append(index)
        return image.rotate(180)

    plain = served_predictions.collect(classifier, records)
    changed = served_predictions.collect(classifier, records, turned)
    assert sorted(seen) == [0, 1, 2]
    assert np.abs(plain.probabilities() - changed.probabilities()).max() > 1e-3


def test_every_file_that_cannot_be_read_is_named(
    drawn: Dataset, classifier: Classifier, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(drawn.records[0].path.read_bytes()[:300])
    records = (
        drawn.records[0],
        dataclasses.replace(drawn.records[1], path=broken),
        dataclasses.replace(drawn.records[2], path=tmp_path / "gone.jpg"),
    )
    with pytest.raises(DatasetError) as caught:
        served_predictions.collect(classifier, records)
    assert len(caught.value.problems) == 2
    assert "broken.jpg cannot be read" in str(caught.value)
    assert "gone.jpg cannot be read" in str(caught.value)
