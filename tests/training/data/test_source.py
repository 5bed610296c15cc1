from pathlib import Path

import pytest
from google.cloud import storage

from tests import emulator
from training.data import dataset, source


def test_a_data_set_is_copied_once_from_a_bucket(drawings: Path, tmp_path: Path) -> None:
    with emulator.running() as bucket:
        emulator.fill(bucket, drawings, "ham")
        local = source.folder("gs://bucket/ham", tmp_path)
        assert dataset.read(local).fingerprint == dataset.read(drawings).fingerprint
        image = next(local.rglob("*.jpg"))
        written = image.stat().st_mtime_ns
        missing = next(path for path in local.rglob("*.jpg") if path != image)
        missing.unlink()
        source.folder("gs://bucket/ham", tmp_path)
        assert missing.exists()
        assert image.stat().st_mtime_ns == written
        with pytest.raises(ValueError, match="gs://bucket/nothing holds no objects"):
            source.folder("gs://bucket/nothing", tmp_path)


def test_an_object_cannot_climb_out_of_the_cache(tmp_path: Path) -> None:
    class Blob:
        name, size = "ham/../../../../escaped", 1

    class Client:
        def list_blobs(self, *_: object, **__: object) -> list[Blob]:
            return [Blob()]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(storage, "Client", Client)
        with pytest.raises(ValueError, match="would be written outside of"):
            source.folder("gs://bucket/ham", tmp_path)


def test_a_folder_is_used_where_it_is(tmp_path: Path) -> None:
    assert source.folder(str(tmp_path), tmp_path / "cache") == tmp_path


def test_the_default_is_named_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HAM10000_DIR", "/data/ham")
    assert source.default() == "/data/ham"
    monkeypatch.delenv("HAM10000_DIR")
    assert source.default().endswith("shared/ham10000")
