import dataclasses

import numpy as np
import pytest
from PIL import Image

from lesionlens.model.ood import CLOSE_UP, DERMATOSCOPIC, OTHER
from training.data.kinds import TEST, TRAIN, VALIDATION, Picture
from training.evaluation import ood_report
from training.evaluation.ood_fit import Shown

RANDOM = np.random.default_rng(0)
# (kind, origin, part, centre, number). The close-ups of "clinic" resemble the other close-ups;
# those of "strange" look dermatoscopic.
PICTURES = (
    (DERMATOSCOPIC, "home", TRAIN, (0, 0), 300),
    (DERMATOSCOPIC, "home", VALIDATION, (0, 0), 200),
    (DERMATOSCOPIC, "home", TEST, (0, 0), 200),
    (DERMATOSCOPIC, "abroad", TRAIN, (0, 3), 100),
    (DERMATOSCOPIC, "abroad", VALIDATION, (0, 3), 100),
    (DERMATOSCOPIC, "abroad", TEST, (0, 3), 100),
    (CLOSE_UP, "clinic", TRAIN, (9, 0), 100),
    (CLOSE_UP, "book", TRAIN, (9, 1), 100),
    (CLOSE_UP, "strange", TEST, (0, 1), 50),
    (OTHER, "page", TRAIN, (-9, 9), 60),
    (OTHER, "cat", TEST, (-9, 9), 60),
    (OTHER, "moon", TEST, (0, 0), 20),
)


def shown() -> Shown:
    kinds, origins, parts, centres = (
        np.repeat([row[column] for row in PICTURES], [row[4] for row in PICTURES], axis=0)
        for column in range(4)
    )
    count = len(kinds)
    features = np.concatenate([centres, np.zeros((count, 2))], axis=1)
    return Shown(
        features=(features + RANDOM.normal(size=(count, 4))).astype(np.float32),
        kinds=kinds,
        origins=origins,
        groups=np.arange(count).astype(str),
        parts=parts,
        altered=np.zeros(count, bool),
        framed=np.zeros(count, bool),
    )


def test_origins_are_judged_by_a_detector_that_never_saw_them() -> None:
    seen = shown()
    found, refused = ood_report.report(seen, ood_report.fit(seen))
    accepted = {name: one.share["value"] for name, one in found.dermatoscopic_accepted.items()}
    assert set(accepted) == {VALIDATION, TEST, "home", "abroad"}
    assert min(accepted.values()) > 0.9
    close = found.left_out.close_ups_refused
    assert {name: one.pictures for name, one in close.items()} == {
        "book": 100, "clinic": 100, "strange": 50, "all": 250,
    }  # fmt: skip
    assert close["clinic"].share["value"] == close["book"].share["value"] == 1
    assert close["strange"].share["value"] < 0.2
    assert close["all"].share["value"] == pytest.approx(refused.sum() / 250, abs=1e-4)
    left = found.left_out.dermatoscopic_accepted
    # Held-out images only: the network was trained on the others.
    assert {name: one.pictures for name, one in left.items()} == {"home": 400, "abroad": 200}
    assert left["abroad"].share["value"] < accepted["abroad"]
    other = found.other_refused
    assert other["sources that taught"].share["value"] == 1
    assert other["other sources"].pictures == 80
    assert set(found.missed) == {"moon"}


def test_a_share_is_as_uncertain_as_its_groups_are_few() -> None:
    seen = shown()
    seen = dataclasses.replace(seen, groups=np.resize(list("abcd"), len(seen.kinds)))
    among = seen.origins == "clinic"
    found = ood_report.share(among, seen, among)
    assert found.pictures == 100
    assert dict(found.share) == {"value": 1, "low": pytest.approx(0.5101, abs=2e-4), "high": 1}


def test_the_share_of_no_pictures_is_undefined() -> None:
    seen = shown()
    none = np.zeros(len(seen.kinds), bool)
    found = ood_report.share(none, seen, none)
    assert found.pictures == 0
    assert set(found.share.values()) == {None}


def test_tones_follow_the_lightness_of_skin() -> None:
    skins = [(241, 205, 185), (190, 140, 110), (150, 105, 75), (60, 42, 35)]
    pixels = np.array([np.full((4, 4, 3), skin, np.uint8) for skin in skins])
    assert ood_report.tones(pixels).tolist() == ["light", "tan", "brown", "dark"]


def test_pictures_as_they_are_come_before_their_copies() -> None:
    one = Picture(CLOSE_UP, "clinic", "g", TRAIN, lambda: Image.new("RGB", (40, 40)))
    made = ood_report.shown([one, one], np.zeros((4, 5), np.float32), [one], [one])
    assert made.altered.tolist() == [False, False, True, False]
    assert made.framed.tolist() == [False, False, False, True]
    assert made.untouched.tolist() == [True, True, False, False]
    assert made.origins.tolist() == ["clinic"] * 4
