"""The routes that take no image: health, labels, the model's manifest, the page and its files."""

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import flask

from ..errors import ModelUnavailable
from ..model import release
from ..model.classifier import Classifier, Slot
from ..model.diagnoses import TAXONOMY
from ..model.manifest import ReleaseError, as_document
from ..model.object_store import StorageError
from ..model.result import NOTICE
from ..model.storage import open_store
from . import negotiation, problem_types, structured_log

if TYPE_CHECKING:
    from ..settings import Settings


def register(app: flask.Flask, settings: "Settings", slot: Slot) -> None:
    """Add the routes; those of the page only if WEB_DIR is set."""

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/ready")
    def ready() -> dict[str, str]:
        return {"status": "ok", "version": slot.get().manifest.version}

    @app.get("/v1/labels")
    def labels() -> dict[str, Any]:
        return {"labels": [_label(label) for label in slot.get().manifest.classes]}

    @app.get("/v1/model")
    def model() -> dict[str, Any]:
        return {**as_document(slot.get().manifest), "notice": NOTICE}

    @functools.lru_cache(1)
    def describe_for_devices(classifier: Classifier) -> dict[str, Any]:
        # Imported on demand, since it imports Pillow.
        from ..model import on_device

        return on_device.describe(classifier)

    @app.get("/v1/device")
    def device() -> dict[str, Any]:
        return describe_for_devices(slot.get())

    description = problem_types.OPENAPI.read_bytes()

    @app.get("/openapi.json")
    def openapi() -> flask.Response:
        return flask.Response(description, content_type=negotiation.JSON)

    problem_types.register(app)
    if settings.web_dir is not None:
        _register_page(app, settings.web_dir)
        _register_release(app, settings, slot)


def _register_page(app: flask.Flask, web_dir: Path) -> None:
    """Serve the page's own files only: a catch-all route would hide the API's 404 and 405."""

    def page(path: str = "", folder: str = "") -> flask.Response:
        return flask.send_from_directory(web_dir / folder, path)

    app.add_url_rule("/", "page", page, defaults={"path": "index.html"})
    for entry in sorted(web_dir.iterdir()):
        if entry.is_dir():
            rule, fixed = f"/{entry.name}/<path:path>", {"folder": entry.name}
            if (entry / "index.html").is_file():
                front = {**fixed, "path": "index.html"}
                app.add_url_rule(f"/{entry.name}/", "page", page, defaults=front)
        else:
            rule, fixed = f"/{entry.name}", {"path": entry.name}
        app.add_url_rule(rule, "page", page, defaults=fixed)


def _register_release(app: flask.Flask, settings: "Settings", slot: Slot) -> None:
    """Serve the files of the release in use, so that the page can classify in the browser."""

    @app.get("/releases/<version>/<name>")
    def release_file(version: str, name: str) -> flask.Response:
        manifest = slot.get().manifest
        if version != manifest.version or name not in (release.MANIFEST, *manifest.files):
            flask.abort(404)
        try:
            if name == release.MANIFEST:
                return flask.jsonify(as_document(manifest))
            data = release.load_file(open_store(settings.model_uri), version, name)
        except (StorageError, ReleaseError) as error:
            structured_log.error("a file of the release cannot be served", error)
            raise ModelUnavailable("The release cannot be read at the moment.") from error
        return flask.Response(data, content_type="application/octet-stream")


def _label(label: str) -> dict[str, Any]:
    disease = TAXONOMY[label]
    return {
        "label": label,
        "name": disease.name,
        "malignant": disease.malignant,
        "codes": [vars(code) for code in disease.codes],
    }
