import dataclasses

import numpy as np
import pytest
from PIL import Image

from lesionlens.imaging.decode import Caution, Decoded
from lesionlens.model import manifest, result
from lesionlens.model.manifest import DECISION, Calibration, Malignancy
from lesionlens.model.options import Options
from lesionlens.model.result import Timing
from tests import releases

PLAIN = Calibration((0.0, 0.0, 0.0), 1.0)
# The classes swap their places.
DATASET = Calibration((0.0, 0.0, -20.0), 1.0)
MANIFEST = dataclasses.replace(
    manifest.parse_manifest(releases.MANIFEST_DOCUMENT),
    classes=("akiec", "mel", "nv"),
    calibrations={DECISION: PLAIN, "dataset": DATASET},
    malignancy=Malignancy(DECISION, slope=1, intercept=0, threshold=0.5),
    in_distribution_threshold=1.5,
)
DECODED = Decoded(Image.new("RGB", (60, 40)), 600, 400, (Caution("code", "Message."),))
TIMING = Timing(1.234, 5.678, 6.912)
USUAL = Options()


def built(
    shares: list[float],
    malignancy: Malignancy = MANIFEST.malignancy,
    score: float | None = 1.0,
    options: Options = USUAL,
    cautions: tuple[Caution, ...] = (),
) -> dict:
    release = dataclasses.replace(MANIFEST, malignancy=malignancy)
    logits = np.log(np.array(shares))
    return result.build("id", release, DECODED, options, logits, score, cautions, TIMING)


def test_probabilities_sum_to_1_and_follow_the_temperature() -> None:
    logits = np.array([2.0, 0.0, -1.0], np.float32)
    cold, hot = (result.probabilities(logits, Calibration((0.0,) * 3, t)) for t in (0.5, 4))
    assert cold.sum() == pytest.approx(1)
    assert hot.sum() == pytest.approx(1)
    assert cold[0] > hot[0] > 1 / 3
    assert cold[0] / cold[1] == pytest.approx(np.exp(2.0 / 0.5))


def test_huge_logits_do_not_overflow() -> None:
    by = Calibration((0.0, 0.0), 1.0)
    assert result.probabilities(np.array([1e6, 0], np.float32), by).tolist() == [1, 0]
    odds = result.malignant_log_odds(np.array([1e6, 0.0]), ("mel", "nv"), by)
    assert result.malignancy(odds, MANIFEST.malignancy) == pytest.approx(1)
    assert result.malignancy(-odds, MANIFEST.malignancy) == pytest.approx(0)


def test_offsets_are_added_before_the_temperature_divides() -> None:
    by = Calibration((0.0, 1.0), 2.0)
    first, second = result.probabilities(np.array([0.0, 0.0], np.float32), by)
    assert second / first == pytest.approx(np.exp(0.5))


def test_the_prediction_is_the_argmax_and_all_classes_follow_highest_first() -> None:
    answer = built([0.1, 0.3, 0.6])
    assert answer["prediction"] == {
        "label": "nv", "name": "Melanocytic nevus", "probability": pytest.approx(0.6),
    }  # fmt: skip
    assert [entry["label"] for entry in answer["probabilities"]] == ["nv", "mel", "akiec"]
    assert [entry["malignant"] for entry in answer["probabilities"]] == [False, True, True]
    assert answer["prior"] == "decision"


def test_another_prior_is_another_answer_but_the_same_malignancy() -> None:
    usual, other = (
        built([0.1, 0.3, 0.6]),
        built([0.1, 0.3, 0.6], options=Options(calibration="dataset")),
    )
    assert other["prior"] == "dataset"
    assert other["prediction"]["label"] == "mel"
    assert other["prediction"]["probability"] == pytest.approx(0.75)
    assert other["malignancy"] == usual["malignancy"]


@pytest.mark.parametrize(("threshold", "flag"), [(0.39, True), (0.41, False)])
def test_without_a_mapping_malignancy_is_the_sum_over_malignant_classes(
    threshold: float, flag: bool
) -> None:
    mapping = Malignancy(DECISION, slope=1, intercept=0, threshold=threshold)
    answer = built([0.1, 0.3, 0.6], mapping)["malignancy"]
    assert answer == {"probability": pytest.approx(0.4), "threshold": threshold, "flag": flag}


def test_malignancy_has_a_mapping_and_a_prior_of_its_own() -> None:
    mapping = Malignancy("dataset", slope=0.5, intercept=-1.0, threshold=0.5)
    odds = np.log(0.4 / (0.6 * np.exp(-20)))
    expected = 1 / (1 + np.exp(-(0.5 * odds - 1)))
    answer = built([0.1, 0.3, 0.6], mapping)["malignancy"]
    assert answer["probability"] == pytest.approx(expected)


def test_an_image_that_was_not_recognized_gets_no_headline() -> None:
    blurred = Caution("blurred", "Blurred.")
    answer = built([0.1, 0.3, 0.6], score=1.6, cautions=(blurred,))
    assert answer["prediction"] is None
    assert answer["malignancy"] is None
    assert len(answer["probabilities"]) == 3
    assert answer["input"]["in_distribution"] is False
    assert answer["input"]["score"] == 1.6
    codes = [warning["code"] for warning in answer["input"]["warnings"]]
    assert codes == ["code", "not-dermatoscopic", "blurred"]


def test_a_score_at_the_threshold_passes() -> None:
    assert built([0.1, 0.3, 0.6], score=1.5)["input"]["in_distribution"] is True


def test_without_a_detector_it_is_unknown() -> None:
    answer = built([0.1, 0.3, 0.6], score=None)
    assert answer["prediction"] is not None
    assert answer["input"]["in_distribution"] is None
    assert answer["input"]["score"] is None


def test_the_rest_of_the_result() -> None:
    answer = built([0.1, 0.3, 0.6], options=Options(views=4))
    assert answer["request_id"] == "id"
    assert answer["views"] == 4
    assert answer["model"] == {"name": MANIFEST.name, "version": MANIFEST.version}
    assert answer["input"] == {
        "width": 600,
        "height": 400,
        "in_distribution": True,
        "score": 1.0,
        "warnings": [{"code": "code", "message": "Message."}],
    }
    assert answer["timing_ms"] == {"decode": 1.23, "inference": 5.68, "total": 6.91}
    assert "Not a medical diagnosis" in answer["notice"]
