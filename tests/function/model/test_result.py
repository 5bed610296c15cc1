import json
from typing import Any

import msgspec
import numpy as np
import pytest

from lesionlens.imaging.model_input import Caution, Prepared
from lesionlens.model import result
from lesionlens.model.diagnoses import TAXONOMY
from lesionlens.model.manifest_sections import Calibration
from lesionlens.model.ood import CLOSE_UP, DERMATOSCOPIC, OTHER, Recognition
from lesionlens.model.options import Options
from lesionlens.model.result import Timing
from tests import releases

SHIPPED = releases.manifest()
# Logits that are log-likelihoods already.
MANIFEST = msgspec.structs.replace(
    SHIPPED,
    classes=("akiec", "mel", "nv"),
    calibration=Calibration("none", (1.0, 1.0, 1.0), (0.0, 0.0, 0.0)),
    priors={"dataset": (0.1, 0.1, 0.8), "uniform": (1 / 3, 1 / 3, 1 / 3)},
    malignancy=msgspec.structs.replace(SHIPPED.malignancy, threshold=0.15),
)
DECODED = Prepared(np.zeros((40, 60, 3), np.uint8), 600, 400, (Caution("code", "Message."),))
TIMING = Timing(1.234, 5.678, 6.912)
PLAIN = Options()
AT_HOME = Recognition(DERMATOSCOPIC, 1.0)


def built(
    likelihoods: list[float],
    recognition: Recognition | None = AT_HOME,
    options: Options = PLAIN,
    cautions: tuple[Caution, ...] = (),
) -> dict[str, Any]:
    logits = np.log(np.array(likelihoods))
    return {**result.build("id", MANIFEST, DECODED, options, logits, recognition, cautions, TIMING)}


def test_the_prediction_stands_first_and_all_classes_follow_highest_first() -> None:
    answer = built([0.1, 0.3, 0.6], options=Options(prior="uniform"))
    assert answer["prediction"] == {
        "label": "nv", "name": "Melanocytic nevus", "probability": pytest.approx(0.6),
    }  # fmt: skip
    assert [entry["label"] for entry in answer["probabilities"]] == ["nv", "mel", "akiec"]
    assert [entry["malignant"] for entry in answer["probabilities"]] == [False, True, True]
    assert answer["prior"] == {"name": "uniform", "malignant": pytest.approx(2 / 3)}


def test_the_flag_is_decided_under_the_default_prior_whatever_is_asked_for() -> None:
    asked = [PLAIN, Options(prior="uniform"), Options(prevalence=0.01)]
    usual, uniform, rare = (built([0.1, 0.3, 0.2], options=options) for options in asked)
    malignant = 0.04 / (0.04 + 0.16)
    assert usual["malignancy"] == {
        "probability": pytest.approx(malignant),
        "flag": True,
        "decision": {
            "prior": "dataset", "probability": pytest.approx(malignant), "threshold": 0.15,
        },
    }  # fmt: skip
    assert usual["malignancy"]["probability"] == usual["malignancy"]["decision"]["probability"]
    for other in (uniform, rare):
        assert other["malignancy"]["decision"] == usual["malignancy"]["decision"]
        assert other["malignancy"]["flag"] is True
    assert uniform["malignancy"]["probability"] == pytest.approx(0.4 / 0.6)
    assert rare["malignancy"]["probability"] < 0.15


@pytest.mark.parametrize(("likelihood", "flag"), [(0.706, True), (0.705, False)])
def test_what_reaches_the_threshold_is_flagged(likelihood: float, flag: bool) -> None:
    """With a prior of 0.2, a likelihood ratio of 0.706 gives a posterior of 0.15."""
    found = built([likelihood, likelihood, 1.0])["malignancy"]
    assert found["flag"] is flag
    assert found["decision"]["probability"] == pytest.approx(0.15, abs=1e-3)


@pytest.mark.parametrize(
    "options", [PLAIN, Options(prior="uniform"), Options(prevalence=0.05), Options(prevalence=0.9)]
)
def test_no_number_of_an_answer_contradicts_another(options: Options) -> None:
    """With the shipped calibration, through JSON and back, for any logits."""
    random = np.random.default_rng(7)
    for scale in (0.1, 1, 5, 40, 1e4):
        for logits in random.normal(scale=scale, size=(40, 7)):
            built_of = result.build("id", SHIPPED, DECODED, options, logits, None, (), TIMING)
            answer = json.loads(json.dumps(built_of))
            entries, malignancy = answer["probabilities"], answer["malignancy"]
            values = [entry["probability"] for entry in entries]
            malignant = [e["probability"] for e in entries if e["malignant"]]
            assert values == sorted(values, reverse=True)
            assert sum(values) == sum(reversed(values)) == 1
            assert sum(malignant) == sum(reversed(malignant)) == malignancy["probability"]
            assert answer["prediction"]["label"] == entries[0]["label"]
            assert answer["prediction"]["probability"] == entries[0]["probability"]
            decision = malignancy["decision"]
            assert malignancy["flag"] == (decision["probability"] >= decision["threshold"])
            if options == PLAIN:
                assert decision["probability"] == malignancy["probability"]
            assert all(e["malignant"] == TAXONOMY[e["label"]].malignant for e in entries)


@pytest.mark.parametrize(
    ("kind", "message"),
    [(CLOSE_UP, "without a dermatoscope"), (OTHER, "does not look like a dermatoscopic image")],
)
def test_an_image_that_is_not_dermatoscopic_gets_no_headline(kind: str, message: str) -> None:
    blurred = Caution("blurred", "Blurred.")
    answer = built([0.1, 0.3, 0.6], recognition=Recognition(kind, 1.60004), cautions=(blurred,))
    assert answer["prediction"] is None
    assert answer["malignancy"] is None
    assert len(answer["probabilities"]) == 3
    told = answer["input"]
    assert (told["kind"], told["in_distribution"], told["score"]) == (kind, False, 1.6)
    codes = [warning["code"] for warning in told["warnings"]]
    assert codes == ["code", "not-dermatoscopic", "blurred"]
    assert message in told["warnings"][1]["message"]


def test_without_a_detector_it_is_unknown() -> None:
    answer = built([0.1, 0.3, 0.6], recognition=None)
    assert answer["prediction"] is not None
    assert all(answer["input"][key] is None for key in ("kind", "in_distribution", "score"))


def test_the_rest_of_the_result() -> None:
    answer = built([0.1, 0.3, 0.6], options=Options(views=4))
    assert answer["request_id"] == "id"
    assert answer["views"] == 4
    assert answer["model"] == {"name": MANIFEST.name, "version": MANIFEST.version}
    assert answer["input"] == {
        "width": 600,
        "height": 400,
        "kind": "dermatoscopic",
        "in_distribution": True,
        "score": 1.0,
        "warnings": [{"code": "code", "message": "Message."}],
    }
    assert answer["timing_ms"] == {"decode": 1.23, "inference": 5.68, "total": 6.91}
    assert "Not a medical diagnosis" in answer["notice"]
