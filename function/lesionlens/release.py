"""The release: the contract between training and serving, read and checked.

Its layout in object storage::

    current.json               {"version": …}: the pointer
    VERSION/manifest.json      all that serving needs to know
    VERSION/model.tflite       the LiteRT model

`training.publish` writes it.
"""

import hashlib
import json
import math
import re
from dataclasses import dataclass
from typing import Any

from .preprocess import Preprocessing
from .storage import Store
from .taxonomy import TAXONOMY

SCHEMA_VERSION = 1

CURRENT = "current"
POINTER = "current.json"
MANIFEST = "manifest.json"
MODEL = "model.tflite"

MAX_JSON_BYTES = 1024 * 1024
MAX_MODEL_BYTES = 64 * 1024 * 1024

_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class ReleaseError(Exception):
    """A release contradicts itself or this code; the message says where."""


@dataclass(frozen=True)
class StoredFile:
    size: int  # bytes
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What serving reads of a manifest; ``document`` is the whole, as ``/v1/model`` shows it."""

    version: str
    name: str
    classes: tuple[str, ...]  # in the order of the model's outputs
    preprocessing: Preprocessing
    files: dict[str, StoredFile]
    offsets: tuple[float, ...]  # added to the logits, which are then divided by the temperature
    temperature: float
    malignancy_threshold: float
    document: dict[str, Any]


@dataclass(frozen=True)
class Release:
    manifest: Manifest
    model: bytes


def load(store: Store, version: str) -> Release:
    """Read a release, or the current one, and check every byte of it against its manifest.

    Raises StorageError, or ReleaseError where the release cannot be trusted.
    """
    if version == CURRENT:
        version = current(store)
    manifest = read_manifest(store, version)
    expected = manifest.files[MODEL]
    model = store.read(f"{version}/{MODEL}", MAX_MODEL_BYTES).data
    if len(model) != expected.size:
        raise ReleaseError(
            f"{version}/{MODEL} has {len(model)} bytes; its manifest says {expected.size}"
        )
    found = hashlib.sha256(model).hexdigest()
    if found != expected.sha256:
        raise ReleaseError(
            f"{version}/{MODEL} has SHA-256 {found}; its manifest says {expected.sha256}"
        )
    return Release(manifest, model)


def current(store: Store) -> str:
    """Return the version that the pointer names."""
    document = _json(store.read(POINTER, MAX_JSON_BYTES).data, POINTER)
    return check_version(str(document.get("version")))


def read_manifest(store: Store, version: str) -> Manifest:
    path = f"{check_version(version)}/{MANIFEST}"
    manifest = parse_manifest(_json(store.read(path, MAX_JSON_BYTES).data, path))
    if manifest.version != version:
        raise ReleaseError(f"{path} says that it is of version {manifest.version!r}")
    return manifest


def check_version(version: str) -> str:
    """Return the name of a version. Raises ReleaseError if it is none, or leaves its folder."""
    if not _VERSION.fullmatch(version) or version == CURRENT:
        raise ReleaseError(
            f"{version!r} names no version; accepted are up to 64 letters, digits and . _ -"
        )
    return version


def parse_manifest(document: dict[str, Any]) -> Manifest:
    """Check a manifest. Raises ReleaseError that names the field that is wrong."""
    schema = document.get("schema_version")
    if schema != SCHEMA_VERSION:
        raise ReleaseError(
            f"the manifest has schema version {schema!r}; this code reads {SCHEMA_VERSION}"
        )
    try:
        classes = tuple(document["classes"])
        manifest = Manifest(
            version=str(document["version"]),
            name=str(document["name"]),
            classes=classes,
            preprocessing=Preprocessing.from_dict(
                {"size": document["input"]["size"], **document["input"]["preprocessing"]}
            ),
            files={
                name: StoredFile(int(file["size"]), str(file["sha256"]))
                for name, file in document["files"].items()
            },
            offsets=tuple(float(offset) for offset in document["calibration"]["offsets"]),
            temperature=float(document["calibration"]["temperature"]),
            malignancy_threshold=float(document["malignancy"]["threshold"]),
            document=document,
        )
    except KeyError as error:
        raise ReleaseError(f"the manifest lacks {error}") from None
    except (TypeError, ValueError, AttributeError) as error:
        raise ReleaseError(f"the manifest is wrong: {error}") from None
    if unknown := sorted(set(classes) - set(TAXONOMY)):
        raise ReleaseError(f"the manifest has unknown classes: {', '.join(unknown)}")
    if len(set(classes)) < len(classes) or not classes:
        raise ReleaseError("the manifest's classes are empty, or not all different")
    if len(manifest.offsets) != len(classes) or not all(map(math.isfinite, manifest.offsets)):
        raise ReleaseError(f"the manifest's offsets are {manifest.offsets}, not one a class")
    if not 0 < manifest.temperature < math.inf:
        raise ReleaseError(f"the manifest's temperature is {manifest.temperature}, not above 0")
    if not 0 < manifest.malignancy_threshold <= 1:
        raise ReleaseError(
            f"the manifest's malignancy threshold is {manifest.malignancy_threshold}, not in (0, 1]"
        )
    if MODEL not in manifest.files:
        raise ReleaseError(f"the manifest's files lack {MODEL}")
    return manifest


def _json(data: bytes, name: str) -> dict[str, Any]:
    try:
        document = json.loads(data)
    except ValueError as error:
        raise ReleaseError(f"{name} is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise ReleaseError(f"{name} is not a JSON object")
    return document
