import dataclasses

import numpy as np
import pytest
from PIL import Image

from lesionlens import release, result
from lesionlens.image import Caution, Decoded
from lesionlens.result import Timing
from tests import releases

MANIFEST = release.parse_manifest(releases.MANIFEST_DOCUMENT)
DECODED = Decoded(Image.new("RGB", (60, 40)), 600, 400, (Caution("code", "Message."),))
TIMING = Timing(1.234, 5.678, 6.912)


def built(shares: list[float], threshold: float = 0.5) -> dict:
    manifest = dataclasses.replace(
        MANIFEST, classes=("akiec", "mel", "nv"), malignancy_threshold=threshold
    )
    return result.build("id", manifest, DECODED, np.array(shares), TIMING)


def test_probabilities_sum_to_1_and_follow_the_temperature() -> None:
    logits = np.array([2.0, 0.0, -1.0], np.float32)
    plain = dataclasses.replace(MANIFEST, offsets=(0.0,) * 3)
    cold, hot = (
        result.probabilities(logits, dataclasses.replace(plain, temperature=t)) for t in (0.5, 4)
    )
    assert cold.sum() == pytest.approx(1)
    assert hot.sum() == pytest.approx(1)
    assert cold[0] > hot[0] > 1 / 3
    assert cold[0] / cold[1] == pytest.approx(np.exp(2.0 / 0.5))


def test_huge_logits_do_not_overflow() -> None:
    manifest = dataclasses.replace(MANIFEST, offsets=(0.0, 0.0))
    assert result.probabilities(np.array([1e6, 0], np.float32), manifest).tolist() == [1, 0]


def test_offsets_are_added_before_the_temperature_divides() -> None:
    manifest = dataclasses.replace(MANIFEST, offsets=(0.0, 1.0), temperature=2.0)
    first, second = result.probabilities(np.array([0.0, 0.0], np.float32), manifest)
    assert second / first == pytest.approx(np.exp(0.5))


def test_the_prediction_is_the_argmax_and_all_classes_follow_highest_first() -> None:
    answer = built([0.1, 0.3, 0.6])
    assert answer["prediction"] == {"label": "nv", "name": "Melanocytic nevus", "probability": 0.6}
    assert [entry["label"] for entry in answer["probabilities"]] == ["nv", "mel", "akiec"]
    assert [entry["malignant"] for entry in answer["probabilities"]] == [False, True, True]


@pytest.mark.parametrize(("threshold", "flag"), [(0.39, True), (0.41, False)])
def test_malignancy_is_the_sum_over_malignant_classes_against_the_threshold(
    threshold: float, flag: bool
) -> None:
    answer = built([0.1, 0.3, 0.6], threshold)["malignancy"]
    assert answer == {"probability": pytest.approx(0.4), "threshold": threshold, "flag": flag}


def test_malignancy_never_exceeds_1() -> None:
    assert built([0.7, 0.3 + 1e-12, 0.0])["malignancy"]["probability"] == 1


def test_the_rest_of_the_result() -> None:
    answer = built([0.1, 0.3, 0.6])
    assert answer["request_id"] == "id"
    assert answer["model"] == {"name": MANIFEST.name, "version": MANIFEST.version}
    assert answer["input"] == {
        "width": 600,
        "height": 400,
        "in_distribution": None,
        "score": None,
        "warnings": [{"code": "code", "message": "Message."}],
    }
    assert answer["timing_ms"] == {"decode": 1.23, "inference": 5.68, "total": 6.91}
    assert "Not a medical diagnosis" in answer["notice"]
