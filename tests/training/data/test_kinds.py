import csv
import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from lesionlens.imaging.model_input import Preprocessing
from lesionlens.model.ood import CLOSE_UP, DERMATOSCOPIC, KINDS, OTHER
from tests.pictures import lesion
from training.config import load
from training.data import close_ups, kinds, split
from training.data.dataset import Dataset, DatasetError
from training.data.kinds import TEST, TRAIN, VALIDATION, Picture

PREPROCESSING = Preprocessing(64)


def table(root: Path, **changed: str) -> Path:
    """A folder with one close-up."""
    row = {"file": "a.jpg", "origin": "Clinic", "group": "1", "licence": "CC BY 4.0", **changed}
    (root / "images").mkdir(exist_ok=True)
    lesion(80, 60).save(root / "images" / "a.jpg")
    with (root / "labels.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(row))
        writer.writeheader()
        writer.writerow(row)
    return root


@pytest.mark.parametrize(
    ("changed", "family", "for_fitting"),
    [
        ({}, "Clinic", True),
        ({"origin": "PAD-UFES-20 lesion interiors"}, "PAD-UFES-20", True),
        ({"origin": "OpenStax Nursing"}, "OpenStax", True),
        ({"licence": "CC BY-NC-SA 4.0 (2014 edition: CC BY 3.0)"}, "Clinic", False),
    ],
)
def test_origins_of_one_source_are_one_family_and_share_alike_is_for_evaluation(
    tmp_path: Path, changed: dict[str, str], family: str, for_fitting: bool
) -> None:
    (one,) = close_ups.read(table(tmp_path, **changed))
    assert (one.family, one.is_for_fitting) == (family, for_fitting)


@pytest.mark.parametrize(
    ("file", "message"), [("b.jpg", "there is no image b.jpg"), (None, "CLOSE_UPS_DIR")]
)
def test_what_is_missing_is_named(tmp_path: Path, file: str | None, message: str) -> None:
    root = table(tmp_path, file=file) if file else tmp_path
    with pytest.raises(DatasetError, match=message):
        close_ups.read(root)


def test_the_folder_is_named_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOSE_UPS_DIR", "/data/skin")
    assert close_ups.default() == Path("/data/skin")


def test_pictures_of_all_kinds_are_for_fitting_and_evaluation(
    drawn: Dataset, tmp_path: Path
) -> None:
    close_ups.draw(tmp_path, 6, seed=0)
    parts = split.make(drawn, load("smoke").data, seed=0)
    shown = kinds.pictures(drawn, parts, close_ups.read(tmp_path), seed=0)
    found = {(picture.kind, picture.part) for picture in shown}
    assert found >= {(DERMATOSCOPIC, part) for part in (TRAIN, VALIDATION, TEST)}
    assert found >= {(CLOSE_UP, TRAIN), (OTHER, TRAIN), (OTHER, TEST)}
    assert {picture.kind for picture in shown} == set(KINDS)
    origins = {part: {p.origin for p in shown if p.kind == OTHER and p.part == part}
               for part in (TRAIN, TEST)}  # fmt: skip
    assert not origins[TRAIN] & origins[TEST]
    frames = kinds.frames(shown[:3], PREPROCESSING)
    assert frames.shape == (3, 64, 64, 3)


def pictured(image: Image.Image) -> Picture:
    return Picture(CLOSE_UP, "Clinic", "1", TRAIN, lambda: image)


def test_altering_is_a_matter_of_the_seed_alone() -> None:
    alter = kinds.altering(PREPROCESSING)
    image = lesion(320, 240)
    once, again = (alter(image, np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(once, again)
    assert once.shape == (64, 64, 3)
    assert not np.array_equal(once, alter(image, np.random.default_rng(4)))


def test_framing_blackens_around_a_disc_and_leaves_its_middle() -> None:
    image = Image.new("RGB", (80, 64), (200, 150, 120))
    enframe = kinds.framing(PREPROCESSING)
    for seed in range(8):
        framed = enframe(image, np.random.default_rng(seed))
        assert framed.shape == (64, 64, 3)
        assert framed[0, 0].max() <= 25
        np.testing.assert_array_equal(framed[32, 32], (200, 150, 120))


def test_material_is_the_pictures_and_copies_of_those_for_fitting() -> None:
    taught = [pictured(lesion(80, 64)) for _ in range(3)]
    judged = dataclasses.replace(taught[0], part=TEST)
    material = kinds.material([judged, *taught], PREPROCESSING)
    assert material.altered == taught
    assert material.framed == taught[:: kinds.FRAMED_EVERY]
    assert len(material.frames) == 4 + 3 + 2
    np.testing.assert_array_equal(material.frames[1], material.frames[2])
    assert not np.array_equal(material.frames[4], material.frames[1])


def detail(frame: np.ndarray) -> float:
    edges = Image.fromarray(frame).convert("L").filter(ImageFilter.FIND_EDGES)
    return float(np.asarray(edges, np.float64)[1:-1, 1:-1].mean())


def test_equalizing_takes_away_what_tells_of_resolution_and_compression(tmp_path: Path) -> None:
    """One scene as a large lossless file and as a small one of poor quality."""
    scene = lesion(640, 480)
    poor = tmp_path / "poor.jpg"
    scene.resize((160, 120), Image.Resampling.BILINEAR).save(poor, quality=60)
    with Image.open(poor) as file:
        shown = [pictured(scene), pictured(file.convert("RGB"))]
    size = Preprocessing(224)
    plain = [detail(frame) for frame in kinds.frames(shown, size)]
    equal = [detail(frame) for frame in kinds.frames(shown, size, kinds.equalizing(size))]
    assert abs(np.log(equal[0] / equal[1])) < 0.7 * abs(np.log(plain[0] / plain[1]))
