"""Copies of the shipped release that a test may change."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lesionlens.model.manifest import MODEL, Manifest, parse
from lesionlens.model.release import MANIFEST, POINTER
from tests.conftest import RELEASES

VERSION: str = json.loads((RELEASES / POINTER).read_text())["version"]
MANIFEST_DOCUMENT: dict[str, Any] = json.loads((RELEASES / VERSION / MANIFEST).read_text())
CLASSES = tuple(MANIFEST_DOCUMENT["classes"])


def manifest() -> Manifest:
    """The manifest of the shipped release."""
    return parse(json.dumps(MANIFEST_DOCUMENT).encode())


def copy(
    folder: Path,
    version: str = "copy-1",
    change: Callable[[dict[str, Any]], None] = lambda manifest: None,
    model: bytes | None = None,
) -> Path:
    """Copy the shipped release to a store in ``folder`` as ``version``, and make it current.

    ``change``: alters the manifest; ``model``: replaces the model, its size and its hash.
    """
    target = folder / version
    target.mkdir(parents=True)
    for name in MANIFEST_DOCUMENT["files"]:
        shutil.copy(RELEASES / VERSION / name, target / name)
    manifest = json.loads(json.dumps(MANIFEST_DOCUMENT))
    manifest["version"] = version
    if model is not None:
        (target / MODEL).write_bytes(model)
        digest = hashlib.sha256(model).hexdigest()
        manifest["files"][MODEL] = {"size": len(model), "sha256": digest}
    change(manifest)
    (target / MANIFEST).write_text(json.dumps(manifest))
    (folder / POINTER).write_text(json.dumps({"version": version}))
    return folder
