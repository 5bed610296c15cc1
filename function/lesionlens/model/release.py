"""Releases: how they are laid out in object storage, and how serving reads and checks them.

    current.json               {"version": …}: names the current release
    VERSION/manifest.json      all that serving needs to know, see `manifest`
    VERSION/model.tflite       the LiteRT model
    VERSION/detector.npz       the detector of dermatoscopic images, see `ood`

`training.releasing.publish` writes them.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any

import msgspec

from .manifest import Manifest, ReleaseError, parse
from .manifest_sections import StoredFile
from .object_store import Store

CURRENT = "current"
POINTER = "current.json"
MANIFEST = "manifest.json"

MAX_JSON_BYTES = 1024 * 1024
MAX_MODEL_BYTES = 64 * 1024 * 1024

_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class Release:
    """A release whose files have the sizes and hashes of its manifest."""

    manifest: Manifest
    files: dict[str, bytes]  # those that the manifest lists under ``files``, by name


def load(store: Store, version: str) -> Release:
    """Read a release, by its version or `CURRENT`, and check all files against its manifest.

    Raises StorageError, or ReleaseError if the release is inconsistent.
    """
    if version == CURRENT:
        version = current(store)
    manifest = read_manifest(store, version)
    return Release(
        manifest, {name: _read(store, version, name, file) for name, file in manifest.files.items()}
    )


class _Files(msgspec.Struct):
    """The part that manifests of all schema versions share."""

    files: dict[str, StoredFile]


def load_file(store: Store, version: str, name: str) -> bytes:
    """Read one file of a release of any schema version, and check it against the manifest.

    Training can start from weights whose manifest is too old to be served. Raises StorageError, or
    ReleaseError if the release is inconsistent.
    """
    path = f"{check_version(version)}/{MANIFEST}"
    try:
        files = msgspec.json.decode(store.read(path, MAX_JSON_BYTES).data, type=_Files).files
    except msgspec.DecodeError as error:
        raise ReleaseError(f"{path} is wrong: {error}") from None
    if name not in files:
        raise ReleaseError(f"{path} lists no {name}")
    return _read(store, version, name, files[name])


def _read(store: Store, version: str, name: str, expected: StoredFile) -> bytes:
    data = store.read(f"{version}/{name}", MAX_MODEL_BYTES).data
    if len(data) != expected.size:
        raise ReleaseError(
            f"{version}/{name} has {len(data)} bytes; its manifest says {expected.size}"
        )
    found = hashlib.sha256(data).hexdigest()
    if found != expected.sha256:
        raise ReleaseError(
            f"{version}/{name} has SHA-256 {found}; its manifest says {expected.sha256}"
        )
    return data


def current(store: Store) -> str:
    """Return the version that the pointer names. Raises StorageError, ReleaseError."""
    document = _json(store.read(POINTER, MAX_JSON_BYTES).data, POINTER)
    return check_version(str(document.get("version")))


def read_manifest(store: Store, version: str) -> Manifest:
    """Read and validate the manifest of a version. Raises StorageError, ReleaseError."""
    path = f"{check_version(version)}/{MANIFEST}"
    manifest = parse(store.read(path, MAX_JSON_BYTES).data)
    if manifest.version != version:
        raise ReleaseError(f"{path} says that it is of version {manifest.version!r}")
    return manifest


def check_version(version: str) -> str:
    """Return ``version`` if it may name a version. Raises ReleaseError otherwise.

    It becomes part of paths, so it must not contain a slash, for example.
    """
    if not _VERSION.fullmatch(version) or version == CURRENT:
        raise ReleaseError(
            f"{version!r} names no version; accepted are up to 64 letters, digits and . _ -"
        )
    return version


def _json(data: bytes, name: str) -> dict[str, Any]:
    try:
        document = json.loads(data)
    except ValueError as error:
        raise ReleaseError(f"{name} is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise ReleaseError(f"{name} is not a JSON object")
    return document
