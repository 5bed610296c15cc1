import hashlib
import os
from pathlib import Path

import pytest

from training.data import dataset, file_hashes
from training.data.file_hashes import FileHashes


@pytest.fixture(autouse=True)
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let files that were just written count as settled."""
    monkeypatch.setattr(file_hashes, "SETTLED_NS", -1)


def test_a_file_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"one")
    first = FileHashes(tmp_path / "hashes.json")
    digest = first.sha256(file)
    assert digest == hashlib.sha256(b"one").hexdigest()
    first.save()
    monkeypatch.setattr(Path, "read_bytes", lambda self: pytest.fail(f"{self} is read again"))
    assert FileHashes(tmp_path / "hashes.json").sha256(file) == digest


def test_a_change_is_seen_whose_size_and_time_are_those_of_before(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"one")
    times = file.stat()
    hashes = FileHashes(None)
    before = hashes.sha256(file)
    file.write_bytes(b"two")
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert hashes.sha256(file) != before


def test_what_has_just_changed_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_hashes, "SETTLED_NS", 2_000_000_000)
    (tmp_path / "a").write_bytes(b"one")
    hashes = FileHashes(tmp_path / "hashes.json")
    hashes.sha256(tmp_path / "a")
    hashes.save()
    assert not (tmp_path / "hashes.json").exists()


def test_a_broken_file_of_hashes_is_made_anew(tmp_path: Path, drawings: Path) -> None:
    (tmp_path / "hashes.json").write_text("{")
    expected = dataset.read(drawings).fingerprint
    assert dataset.read(drawings, tmp_path / "hashes.json").fingerprint == expected
    assert dataset.read(drawings, tmp_path / "hashes.json").fingerprint == expected
