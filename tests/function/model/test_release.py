from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lesionlens.model import release
from lesionlens.model.file_store import FileStore
from lesionlens.model.manifest import DETECTOR, MODEL, ReleaseError
from lesionlens.model.object_store import NotFound
from tests import releases


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
    "schema": (lambda m: m.update(schema_version=2), "schema version 2; this code reads 3"),
    "no schema": (lambda m: m.pop("schema_version"), "schema version None; this code reads 3"),
    "version": (lambda m: m.update(version="v9"), "says that it is of version 'v9'"),
    "no input": (lambda m: m.pop("input"), "missing required field `input`"),
    "an unknown field": (lambda m: m.update(colour="red"), "unknown field `colour`"),
    "class": (lambda m: m.update(classes=["mel", "wart"]), "unknown classes: wart"),
    "class twice": (lambda m: m.update(classes=["mel"] * 7), "not all different"),
    "benign classes only": (lambda m: m.update(classes=["nv", "df"]), "not of both kinds"),
    "scale": (
        lambda m: m["calibration"].update(scales=[0] * 7),
        r"`float` > 0\.0 - at `\$\.calibration\.scales\[0\]`",
    ),
    "scale that is infinite": (
        lambda m: m["calibration"].update(scales=[float("inf")] * 7),
        "JSON is malformed",
    ),
    "offset that is not a number": (
        lambda m: m["calibration"].update(offsets=[float("nan")] * 7),
        "JSON is malformed",
    ),
    "offset beyond reason": (
        lambda m: m["calibration"].update(offsets=[1e308] * 7),
        r"at `\$\.calibration\.offsets",
    ),
    "offsets of other classes": (
        lambda m: m["calibration"].update(offsets=[0.0]),
        "has 1 offsets for 7 classes",
    ),
    "text for a scale": (
        lambda m: m["calibration"].update(scales=["hot"] * 7),
        "Expected `float`, got `str`",
    ),
    "no prior": (lambda m: m["priors"].pop("dataset"), "has the priors uniform; needed are"),
    "prior of other classes": (lambda m: m["priors"].update(uniform=[1.0]), "has 1 uniform for 7"),
    "prior in percent": (
        lambda m: m["priors"].update(uniform=[0.5] * 7),
        "prior 'uniform' sums to 3.5, not to 1",
    ),
    "class that cannot be": (
        lambda m: m["priors"].update(uniform=[0.0, *[1 / 6] * 6]),
        r"`float` > 0\.0 - at `\$\.priors",
    ),
    "flag under another prior": (
        lambda m: m["malignancy"].update(prior="uniform"),
        r"at `\$\.malignancy\.prior`",
    ),
    "threshold in percent": (
        lambda m: m["malignancy"].update(threshold=95),
        r"`float` <= 1\.0 - at `\$\.malignancy\.threshold`",
    ),
    "no views": (lambda m: m["input"].update(max_views=0), r"at `\$\.input\.max_views`"),
    "size as text": (lambda m: m["input"].update(size="224"), "Expected `int`, got `str`"),
    "size beyond reason": (lambda m: m["input"].update(size=10**6), r"at `\$\.input\.size`"),
    "geometry": (
        lambda m: m["input"]["preprocessing"].update(geometry="squash"),
        "unknown geometry",
    ),
    "option as text": (
        lambda m: m["input"]["preprocessing"].update(denoise="no"),
        "are true or false",
    ),
    "an unknown limit": (
        lambda m: m["quality"]["limits"].update(beauty=1),
        "unknown limits of quality: beauty",
    ),
    "a count that is negative": (
        lambda m: m["data"].update(images=-1),
        r"`int` >= 0 - at `\$\.data\.images`",
    ),
    "a count beyond reason": (
        lambda m: m["data"].update(images=10**12),
        r"at `\$\.data\.images`",
    ),
    "no model": (lambda m: m["files"].pop(MODEL), "files lack model.tflite"),
    "a detector that is not there": (lambda m: m["files"].pop(DETECTOR), "lack detector.npz"),
    "files a list": (lambda m: m.update(files=[]), r"got `array` - at `\$\.files`"),
    "a hash that is none": (
        lambda m: m["files"][MODEL].update(sha256="abc"),
        r"at `\$\.files\[\.\.\.\]\.sha256`",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_manifest_that_is_wrong_is_refused(tmp_path: Path, name: str) -> None:
    change, message = WRONG[name]
    store = FileStore(releases.copy(tmp_path, "v1", change))
    with pytest.raises(ReleaseError, match=message):
        release.load(store, "v1")


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff\xfe", b'{"schema_version": 3}'])
def test_what_is_no_manifest_is_refused(tmp_path: Path, data: bytes) -> None:
    releases.copy(tmp_path, "v1")
    (tmp_path / "v1" / "manifest.json").write_bytes(data)
    with pytest.raises(ReleaseError, match="the manifest"):
        release.load(FileStore(tmp_path), "v1")
