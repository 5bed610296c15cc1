from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lesionlens.model import release
from lesionlens.model.manifest import DECISION, DETECTOR, MODEL, ReleaseError
from lesionlens.model.storage import FileStore, NotFound
from tests import releases
from tests.conftest import RELEASES

FIRST = "20261123-3e66d80e"


def test_the_current_release_is_loaded_and_checked(tmp_path: Path) -> None:
    store = FileStore(releases.copy(tmp_path, "v1"))
    loaded = release.load(store, "current")
    assert loaded.manifest.version == "v1"
    assert loaded.manifest.classes == releases.CLASSES
    assert {name: len(data) for name, data in loaded.files.items()} == {
        name: file.size for name, file in loaded.manifest.files.items()
    }


def test_a_pinned_version_is_loaded_whatever_is_current(tmp_path: Path) -> None:
    releases.copy(tmp_path, "v1")
    releases.copy(tmp_path, "v2")
    assert release.load(FileStore(tmp_path), "v1").manifest.version == "v1"


def test_a_flipped_byte_is_refused(tmp_path: Path) -> None:
    path = releases.copy(tmp_path, "v1") / "v1" / MODEL
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(ReleaseError, match=r"has SHA-256 .* its manifest says"):
        release.load(FileStore(tmp_path), "v1")


def test_a_shortened_model_is_refused(tmp_path: Path) -> None:
    path = releases.copy(tmp_path, "v1") / "v1" / MODEL
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ReleaseError, match="bytes; its manifest says"):
        release.load(FileStore(tmp_path), "v1")


def test_a_pointer_to_a_missing_version_is_told(tmp_path: Path) -> None:
    releases.copy(tmp_path)
    (tmp_path / "current.json").write_text('{"version": "gone"}')
    with pytest.raises(NotFound, match=r"gone/manifest\.json does not exist"):
        release.load(FileStore(tmp_path), "current")


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"version": "../etc"}', '{"version": 7.5, "x":', "{}"]
)
def test_a_broken_pointer_is_refused(tmp_path: Path, text: str) -> None:
    releases.copy(tmp_path)
    (tmp_path / "current.json").write_text(text)
    with pytest.raises((ReleaseError, NotFound)):
        release.load(FileStore(tmp_path), "current")


@pytest.mark.parametrize("version", ["", "..", "../v1", "a/b", "current", "x" * 65, "v1\n"])
def test_what_is_no_name_of_a_version_is_refused(version: str) -> None:
    with pytest.raises(ReleaseError, match="names no version; accepted are"):
        release.check_version(version)


Change = Callable[[dict[str, Any]], None]
WRONG: dict[str, tuple[Change, str]] = {
    "schema": (lambda m: m.update(schema_version=99), "schema version 99; this code reads 1 and 2"),
    "version": (lambda m: m.update(version="v9"), "says that it is of version 'v9'"),
    "no input": (lambda m: m.pop("input"), "lacks 'input'"),
    "class": (lambda m: m.update(classes=["mel", "wart"]), "unknown classes: wart"),
    "temperature": (
        lambda m: m["calibration"]["uniform"].update(temperature=0),
        "temperature of uniform is 0.0, not above 0",
    ),
    "offsets of other classes": (
        lambda m: m["calibration"]["decision"].update(offsets=[0.0]),
        "not one a class",
    ),
    "text temperature": (
        lambda m: m["calibration"]["dataset"].update(temperature="hot"),
        "is wrong",
    ),
    "no calibration for a prior": (lambda m: m["calibration"].pop("dataset"), "lacks 'dataset'"),
    "malignancy of an unknown calibration": (
        lambda m: m["malignancy"].update(calibration="other"),
        "lacks the calibration 'other'",
    ),
    "malignancy upside down": (lambda m: m["malignancy"].update(slope=-1), "slope above 0"),
    "no views": (lambda m: m["input"].update(max_views=0), "allows 0 views"),
    "a detector that is not there": (lambda m: m["files"].pop(DETECTOR), "lack detector.npz"),
    "an unknown limit": (
        lambda m: m["quality"]["limits"].update(beauty=1),
        "unknown limits of quality: beauty",
    ),
    "geometry": (
        lambda m: m["input"]["preprocessing"].update(geometry="squash"),
        "unknown geometry",
    ),
    "infinite temperature": (
        lambda m: m["calibration"]["decision"].update(temperature=float("inf")),
        "temperature of decision is inf, not above 0",
    ),
    "threshold in percent": (
        lambda m: m["malignancy"].update(threshold=95),
        r"threshold is 95\.0, not in \(0, 1\]",
    ),
    "class twice": (lambda m: m.update(classes=["mel"] * 7), "not all different"),
    "size as text": (lambda m: m["input"].update(size="224"), "'224', not a number of pixels"),
    "option as text": (
        lambda m: m["input"]["preprocessing"].update(denoise="no"),
        "are true or false",
    ),
    "no model": (lambda m: m["files"].pop(MODEL), "files lack model.tflite"),
    "files a list": (lambda m: m.update(files=[]), "is wrong"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_manifest_that_is_wrong_is_refused(tmp_path: Path, name: str) -> None:
    change, message = WRONG[name]
    store = FileStore(releases.copy(tmp_path, "v1", change))
    with pytest.raises(ReleaseError, match=message):
        release.load(store, "v1")


def test_a_release_of_the_first_schema_is_still_served(tmp_path: Path) -> None:
    manifest = release.read_manifest(FileStore(RELEASES), FIRST)
    assert set(manifest.calibrations) == {DECISION, "uniform"}
    assert manifest.calibrations[DECISION] == manifest.calibrations["uniform"]
    assert manifest.malignancy.slope == 1
    assert manifest.malignancy.intercept == 0
    assert manifest.in_distribution_threshold is None
    assert manifest.max_views == 1
    assert manifest.quality == {}
