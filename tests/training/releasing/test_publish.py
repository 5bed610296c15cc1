import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lesionlens.model import release
from lesionlens.model.file_store import FileStore
from lesionlens.model.manifest import DETECTOR, MODEL, Manifest, ReleaseError, parse
from lesionlens.model.object_store import ABSENT, NotFound
from tests import releases
from tests.conftest import RELEASES
from training.releasing import publish
from training.releasing.publish import PublishError

BYTES = (RELEASES / releases.VERSION / MODEL).read_bytes()


def made(
    version: str, loss: float | None = 0.6, validation: str = "5" * 64
) -> tuple[Manifest, dict[str, bytes]]:
    """A manifest and its files; ``validation``: hash of the validation part."""
    shipped = json.loads(json.dumps(releases.MANIFEST_DOCUMENT))
    shipped["version"] = version
    for variant in shipped["export"]["variants"]:
        variant["log_loss"] = loss if variant["name"] == shipped["export"]["chosen"] else 0.1
    shipped["data"]["split"]["validation"]["sha256"] = validation
    files = {
        MODEL: BYTES,
        DETECTOR: (RELEASES / releases.VERSION / DETECTOR).read_bytes(),
        "model.keras": b"keras",
        "MODEL_CARD.md": b"# Card",
    }
    shipped["archive"] = msgspec.to_builtins(publish.describe({"model.keras": b"keras"}))
    return parse(json.dumps(shipped).encode()), files


class Dying(FileStore):
    """A store whose writer is killed after a number of writes."""

    def __init__(self, root: Path, writes: int) -> None:
        super().__init__(root)
        self.left = writes

    def write(self, name: str, data: bytes, generation: int) -> None:
        if not self.left:
            raise KeyboardInterrupt
        self.left -= 1
        super().write(name, data, generation)


def test_what_is_published_and_promoted_is_served(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    assert publish.publish(store, *made("v1")) == "v1"
    with pytest.raises(NotFound):
        release.load(store, "current")
    publish.promote(store, "v1")
    assert release.load(store, "current").manifest.version == "v1"
    assert (tmp_path / "v1" / "MODEL_CARD.md").read_text() == "# Card"


def test_a_version_is_never_overwritten(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    publish.publish(store, *made("v1"))
    assert publish.publish(store, *made("v1")) == "v1"  # repeating it changes nothing
    with pytest.raises(PublishError, match=r"v1/manifest\.json exists already with other content"):
        publish.publish(store, *made("v1", loss=0.5))


def test_files_that_are_not_the_manifests_are_refused(tmp_path: Path) -> None:
    manifest, files = made("v1")
    with pytest.raises(PublishError, match=r"model\.tflite is not the file that the manifest"):
        publish.publish(FileStore(tmp_path), manifest, {**files, MODEL: b"other"})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("writes", range(4))
def test_a_publisher_killed_between_writes_leaves_nothing_to_serve(
    tmp_path: Path, writes: int
) -> None:
    with pytest.raises(KeyboardInterrupt):
        publish.publish(Dying(tmp_path, writes), *made("v1"))
    store = FileStore(tmp_path)
    with pytest.raises(NotFound):
        release.load(store, "v1")
    assert all(listed.manifest is None for listed in publish.list_releases(store))
    with pytest.raises(NotFound):
        publish.promote(store, "v1")
    # Repeating the publication succeeds.
    publish.publish(store, *made("v1"))
    assert release.load(store, "v1").manifest.version == "v1"


def test_leftovers_of_another_publication_are_not_overwritten(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    store.write("v1/MODEL_CARD.md", b"another card", ABSENT)
    with pytest.raises(PublishError, match=r"v1/MODEL_CARD\.md exists already with other content"):
        publish.publish(store, *made("v1"))


def test_a_worse_model_needs_force(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    for version, loss in (("v1", 0.65), ("v2", 0.66)):
        publish.publish(store, *made(version, loss))
    publish.promote(store, "v1")
    with pytest.raises(PublishError, match=r"v2 has log loss 0\.6600 .* v1 has 0\.6500"):
        publish.promote(store, "v2")
    publish.promote(store, "v2", force=True)
    assert release.current(store) == "v2"


def test_figures_on_other_images_do_not_compare(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    publish.publish(store, *made("v1", 0.65))
    publish.publish(store, *made("v2", 0.70, validation="6" * 64))
    publish.promote(store, "v1")
    publish.promote(store, "v2")
    assert release.current(store) == "v2"


def test_a_release_without_log_loss_compares_with_none(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    publish.publish(store, *made("v1", None))
    publish.publish(store, *made("v2", 0.70))
    for version in ("v1", "v2", "v1"):
        publish.promote(store, version)
        assert release.current(store) == version


def test_rollback_returns_step_by_step(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    for version in ("v1", "v2", "v3"):
        publish.publish(store, *made(version))
        publish.promote(store, version)
    assert publish.rollback(store) == "v2"
    assert publish.rollback(store) == "v1"
    assert release.current(store) == "v1"
    with pytest.raises(PublishError, match="no earlier version"):
        publish.rollback(store)


def test_a_spoilt_release_is_not_promoted(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    publish.publish(store, *made("v1"))
    (tmp_path / "v1" / MODEL).write_bytes(b"x" * len(BYTES))
    with pytest.raises(ReleaseError, match="SHA-256"):
        publish.promote(store, "v1")


def test_promoting_the_current_version_is_refused(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    publish.publish(store, *made("v1"))
    publish.promote(store, "v1")
    with pytest.raises(PublishError, match="v1 is the current version already"):
        publish.promote(store, "v1")


def test_of_two_concurrent_promotions_one_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FileStore(tmp_path)
    for version in ("v1", "v2"):
        publish.publish(store, *made(version))
    write = FileStore.write

    def overtaken(self: FileStore, name: str, data: bytes, generation: int) -> None:
        monkeypatch.undo()
        publish.promote(store, "v2")
        write(self, name, data, generation)

    monkeypatch.setattr(FileStore, "write", overtaken)
    with pytest.raises(PublishError, match="somebody else moved current at the same time"):
        publish.promote(store, "v1")
    assert release.current(store) == "v2"


def test_the_list_marks_the_current_version(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    for version in ("v1", "v2"):
        publish.publish(store, *made(version))
    publish.promote(store, "v2")
    listed: list[Any] = publish.list_releases(store)
    assert [(entry.version, entry.current) for entry in listed] == [("v1", False), ("v2", True)]


def test_the_list_shows_folders_that_are_no_release(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    publish.publish(store, *made("v1"))
    (tmp_path / ".checkpoints").mkdir()
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "manifest.json").write_text('{"schema_version": 0}')
    (tmp_path / "half").mkdir()
    problems = {entry.version: entry.problem for entry in publish.list_releases(store)}
    assert problems["v1"] == ""
    assert "names no version" in problems[".checkpoints"]
    assert "schema version 0" in problems["old"]
    assert "interrupted" in problems["half"]


def test_a_broken_pointer_is_told(tmp_path: Path) -> None:
    (tmp_path / "current.json").write_text("{")
    with pytest.raises(ReleaseError, match=r"current\.json is not JSON"):
        publish.list_releases(FileStore(tmp_path))


def test_what_serving_would_refuse_is_not_published(tmp_path: Path) -> None:
    manifest, files = made("v1")
    broken = msgspec.structs.replace(
        manifest, malignancy=msgspec.structs.replace(manifest.malignancy, threshold=95.0)
    )
    with pytest.raises(ReleaseError, match="threshold"):
        publish.publish(FileStore(tmp_path), broken, files)
    assert list(tmp_path.iterdir()) == []


def test_weights_of_any_schema_can_be_trained_on(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    publish.publish(store, *made("v1"))
    path = tmp_path / "v1" / "manifest.json"
    old = {"schema_version": 1, "files": json.loads(path.read_text())["files"]}
    path.write_text(json.dumps(old))
    assert release.load_file(store, "v1", MODEL) == BYTES
    with pytest.raises(ReleaseError, match=r"lists no model\.keras"):
        release.load_file(store, "v1", "model.keras")
    (tmp_path / "v1" / MODEL).write_bytes(b"x" * len(BYTES))
    with pytest.raises(ReleaseError, match="SHA-256"):
        release.load_file(store, "v1", MODEL)
    path.write_text("[]")
    with pytest.raises(ReleaseError, match="is wrong"):
        release.load_file(store, "v1", MODEL)
