"""Manages releases in object storage: publish, promote, roll back, list."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import msgspec
from tqdm import tqdm

from lesionlens.model.manifest import Manifest, ReleaseError, parse
from lesionlens.model.manifest_sections import StoredFile
from lesionlens.model.object_store import ABSENT, NotFound, PreconditionFailed, Store
from lesionlens.model.release import (
    CURRENT,
    MANIFEST,
    MAX_JSON_BYTES,
    MAX_MODEL_BYTES,
    POINTER,
    check_version,
    load,
    read_manifest,
)

# Number of earlier versions that the pointer keeps for rollbacks.
REMEMBERED = 20


class PublishError(Exception):
    """A release was not published, or the pointer not changed; the message says why."""


@dataclass(frozen=True)
class Listed:
    """A version in the store."""

    version: str
    current: bool
    manifest: Manifest | None
    # Why the manifest cannot be read; such a version is never served.
    problem: str = ""


def describe(files: dict[str, bytes]) -> dict[str, StoredFile]:
    """Size and SHA-256 of each file, as in a manifest."""
    return {
        name: StoredFile(len(data), hashlib.sha256(data).hexdigest())
        for name, data in files.items()
    }


def publish(store: Store, manifest: Manifest, files: dict[str, bytes]) -> str:
    """Write a release: its files first, its manifest last. Return its version.

    ``files``: all files of the release except the manifest. Existing files are never overwritten,
    but may have the same bytes, so that an interrupted publication can be repeated. Raises
    PublishError.
    """
    written = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
    # The checks of serving: a release that it would refuse is not published.
    version = check_version(parse(written).version)
    described = {**manifest.files, **manifest.archive}
    for name, expected in described.items():
        if describe({name: files[name]})[name] != expected:
            raise PublishError(f"{name} is not the file that the manifest describes")
    # Written last: a release with a manifest is complete.
    complete = {**files, MANIFEST: written}
    for name, data in tqdm(complete.items(), "publishing", unit="file"):
        _write_once(store, f"{version}/{name}", data)
    return version


def promote(store: Store, version: str, force: bool = False) -> None:
    """Make a version the current one, if it is intact and not worse than the current one.

    Worse means a lower balanced accuracy on the same test images; ``force`` skips the comparison.
    Raises PublishError, ReleaseError, StorageError.
    """
    manifest = load(store, version).manifest
    pointer, generation = _pointer(store)
    former = pointer.get("version")
    if former == version:
        raise PublishError(f"{version} is the current version already")
    if former and not force:
        _refuse_worse(manifest, store, former)
    history = [*pointer.get("history", []), *([former] if former else [])]
    _move(store, {"version": version, "history": history[-REMEMBERED:]}, generation)


def rollback(store: Store) -> str:
    """Make the previous version the current one again; return it. Raises PublishError."""
    pointer, generation = _pointer(store)
    history = list(pointer.get("history", []))
    if not history:
        raise PublishError("there is no earlier version to roll back to")
    version = str(history.pop())
    load(store, version)
    _move(store, {"version": version, "history": history}, generation)
    return version


def list_releases(store: Store) -> list[Listed]:
    """All versions in the store, incomplete and unreadable ones included."""
    present = _pointer(store)[0].get("version")
    listed = []
    for folder in store.folders():
        manifest, problem = None, ""
        try:
            manifest = read_manifest(store, folder)
        except NotFound:
            problem = "incomplete: its publication was interrupted"
        except ReleaseError as error:
            problem = str(error)
        listed.append(Listed(folder, folder == present, manifest, problem))
    return listed


def _refuse_worse(candidate: Manifest, store: Store, former: str) -> None:
    present = read_manifest(store, former)
    if candidate.data.split.validation.sha256 != present.data.split.validation.sha256:
        # Figures on different images cannot be compared.
        return
    new, old = (_log_loss(manifest) for manifest in (candidate, present))
    if new is not None and old is not None and new > old:
        raise PublishError(
            f"{candidate.version} has log loss {new:.4f} on validation; the current "
            f"{present.version} has {old:.4f}. Use --force to promote it all the same"
        )


def _log_loss(manifest: Manifest) -> float | None:
    """Log loss of the shipped variant on validation; None in earlier releases."""
    export = manifest.export
    return next(row.log_loss for row in export.variants if row.name == export.chosen)


def _pointer(store: Store) -> tuple[dict[str, Any], int]:
    try:
        stored = store.read(POINTER, MAX_JSON_BYTES)
    except NotFound:
        return {}, ABSENT
    try:
        pointer = json.loads(stored.data)
    except ValueError:
        raise ReleaseError(f"{POINTER} is not JSON") from None
    return pointer, stored.generation


def _move(store: Store, pointer: dict[str, Any], generation: int) -> None:
    try:
        store.write(POINTER, json.dumps(pointer, indent=1).encode(), generation)
    except PreconditionFailed:
        raise PublishError(
            f"somebody else moved {CURRENT} at the same time; look at it and try again"
        ) from None


def _write_once(store: Store, name: str, data: bytes) -> None:
    try:
        store.write(name, data, ABSENT)
    except PreconditionFailed:
        if store.read(name, max(len(data), MAX_MODEL_BYTES)).data != data:
            raise PublishError(
                f"{name} exists already with other content; a release is never overwritten"
            ) from None
