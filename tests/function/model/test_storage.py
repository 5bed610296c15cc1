import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from lesionlens.model import cloud_store, quick_reader, release
from lesionlens.model.cloud_store import CloudStore
from lesionlens.model.file_store import FileStore
from lesionlens.model.object_store import ABSENT, NotFound, PreconditionFailed, StorageError, Store
from lesionlens.model.storage import open_store
from tests import emulator
from tests.conftest import RELEASES


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    with emulator.running() as running:
        yield running.name


@pytest.fixture(params=["file", "gs"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "file":
        return FileStore(tmp_path)
    name = request.getfixturevalue("bucket")
    return CloudStore(name, f"models-{tmp_path.name}")


def test_what_is_written_is_read_back(store: Store) -> None:
    store.write("v1/model", b"bytes", ABSENT)
    stored = store.read("v1/model", at_most=5)
    assert stored.data == b"bytes"
    assert stored.generation > 0
    assert store.folders() == ["v1"]
    store.write("a", b"", ABSENT)
    assert store.names() == ["a", "v1/model"]


def test_what_is_missing_is_not_found(store: Store) -> None:
    with pytest.raises(NotFound, match="nothing does not exist"):
        store.read("nothing", at_most=10)


def test_what_is_too_large_is_not_read(store: Store) -> None:
    store.write("large", b"123456", ABSENT)
    with pytest.raises(StorageError, match="large has 6 bytes; at most 5 were expected"):
        store.read("large", at_most=5)


def test_what_exists_is_not_overwritten_by_accident(store: Store) -> None:
    store.write("pointer", b"first", ABSENT)
    with pytest.raises(PreconditionFailed, match="pointer is not what it was expected to be"):
        store.write("pointer", b"second", ABSENT)
    assert store.read("pointer", 10).data == b"first"


def test_a_known_generation_may_be_replaced_once(store: Store) -> None:
    store.write("pointer", b"first", ABSENT)
    generation = store.read("pointer", 10).generation
    store.write("pointer", b"second", generation)
    with pytest.raises(PreconditionFailed):
        store.write("pointer", b"third", generation)
    assert store.read("pointer", 10).data == b"second"


def test_of_two_writers_at_once_one_loses(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    outcomes = []
    barrier = threading.Barrier(8)

    def write(number: int) -> None:
        barrier.wait()
        try:
            store.write("pointer", str(number).encode(), ABSENT)
            outcomes.append("won")
        except PreconditionFailed:
            outcomes.append("lost")

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["lost"] * 7 + ["won"]


@pytest.mark.parametrize("library", [False, True])
def test_a_release_is_loaded_over_http(
    bucket: str, library: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if library:
        monkeypatch.setattr(quick_reader, "open_reader", lambda _: None)
    store = CloudStore(bucket, f"released-{library}")
    version = json.loads((RELEASES / "current.json").read_text())["version"]
    served = ("manifest.json", "model.tflite", "detector.npz")
    for name in ("current.json", *(f"{version}/{name}" for name in served)):
        store.write(name, (RELEASES / name).read_bytes(), ABSENT)
    loaded = release.load(open_store(f"gs://{bucket}/{store.folder}"), "current")
    assert loaded.manifest.version == version


def test_a_store_that_cannot_be_reached_is_told_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:9")
    monkeypatch.setattr(cloud_store, "RETRY_FOR_S", 0.1)
    with pytest.raises(StorageError, match=r"gs://b/f/current\.json cannot be read"):
        CloudStore("b", "f").read("current.json", 10)
    with pytest.raises(StorageError, match=r"gs://b/f/current\.json cannot be written"):
        CloudStore("b", "f").write("current.json", b"", ABSENT)
    with pytest.raises(StorageError, match=r"gs://b/f/ cannot be listed"):
        CloudStore("b", "f").folders()


def test_what_was_replaced_in_the_same_tick_has_another_generation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.time_ns", lambda: 10**18)
    store = FileStore(tmp_path)
    store.write("pointer", b"first", ABSENT)
    first = store.read("pointer", 10).generation
    store.write("pointer", b"second", first)
    assert store.read("pointer", 10).generation > first


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be written"):
        FileStore(tmp_path).write("file/pointer", b"", ABSENT)


def test_what_is_downloaded_is_the_generation_that_was_looked_at(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the library. As the emulator ignores generations, the client's requests are checked."""
    store = CloudStore(bucket, "pinned")
    store.write("model", b"bytes", ABSENT)
    asked = []
    send = requests.Session.send

    def recording(
        self: requests.Session, request: requests.PreparedRequest, **kw: object
    ) -> object:
        asked.append(str(request.url))
        return send(self, request, **kw)

    monkeypatch.setattr(requests.Session, "send", recording)
    generation = store._read_by_client("model", 10).generation
    (download,) = [url for url in asked if "alt=media" in url]
    assert f"generation={generation}" in download


def test_a_folder_in_the_place_of_a_file_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "current.json").mkdir()
    with pytest.raises(StorageError, match="cannot be read"):
        FileStore(tmp_path).read("current.json", 10)


def test_a_folder_that_is_missing_has_no_releases(tmp_path: Path) -> None:
    assert FileStore(tmp_path / "nothing").folders() == []


def test_addresses(tmp_path: Path) -> None:
    spaced = tmp_path / "with space"
    opened = open_store(spaced.as_uri())
    assert isinstance(opened, FileStore)
    assert opened.root == spaced
    cloud = open_store("gs://bucket")
    assert isinstance(cloud, CloudStore)
    assert (cloud.bucket_name, cloud.folder) == ("bucket", "")
    for wrong in ("s3://bucket", "gs://", "/folder"):
        with pytest.raises(ValueError, match="is no store; accepted are gs://"):
            open_store(wrong)
