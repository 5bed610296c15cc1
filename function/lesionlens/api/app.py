"""The Flask application around the journey of an image: routes and what surrounds every answer."""

import contextlib
import functools
import logging
import re
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import flask

from ..errors import Later, ModelUnavailable
from ..imaging import decoders
from ..model import release
from ..model.classifier import Classifier, Slot
from ..model.diagnoses import TAXONOMY
from ..model.manifest import ReleaseError, as_document
from ..model.result import NOTICE
from ..model.storage import StorageError, open_store
from . import (
    classification,
    context,
    json_text,
    negotiation,
    problem_details,
    problem_types,
    response_headers,
    structured_log,
)
from .admission import CLASSIFICATIONS, Admission
from .classification import Examine
from .context import Context
from .upload import Request

if TYPE_CHECKING:
    from ..settings import Settings

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
CORS_MAX_AGE_S = 3600
# What other origins' pages may send, and read.
ALLOWED_HEADERS = [
    *("Authorization", "Content-Type", "Idempotency-Key", "If-None-Match", "X-API-Key"),
    *("X-Request-Id", "traceparent"),
]
EXPOSED_HEADERS = [
    *("Deprecation", "ETag", "Idempotent-Replayed", "Link", "RateLimit", "RateLimit-Policy"),
    *("Retry-After", "Server-Timing", "Sunset", "WWW-Authenticate", "X-Request-Id"),
]
LOGGED_PATH = 200  # characters of an address, at most
TEMPLATES = Path(__file__).parents[1] / "templates"

# One file for the function and for the load balancer (infra/ensure_origin.sh): "Name: value" lines.
SECURITY_HEADERS = dict(
    line.split(": ", 1)
    for line in (Path(__file__).parent / "security_headers.txt").read_text().splitlines()
)


def create(settings: "Settings", examine: Examine) -> flask.Flask:
    """Return the application; ``examine`` is the journey of one image, without HTTP."""
    app = flask.Flask("lesionlens", static_folder=None, template_folder=str(TEMPLATES))
    app.request_class = Request
    # No redirects: they would be to http://, and a client that follows sends its image in clear.
    app.url_map.merge_slashes = False
    app.url_map.redirect_defaults = False
    app.json = json_text.Provider(app)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_upload_bytes
    app.config["UPLOAD_SECONDS"] = settings.upload_seconds
    structured_log.configure(settings.log_level)
    slot = Slot(lambda: _load(settings))
    app.extensions["lesionlens_slot"] = slot
    if settings.allowed_origins:
        _allow_origins(app, settings.allowed_origins)
    problem_details.register(app)
    _surround(app, settings, slot)
    # Afterwards in reverse: what is kept is kept as it was, then compressed, then logged.
    response_headers.register(app)
    admission = Admission(settings)
    admission.register(app)
    classification.register(app, slot, admission, examine)
    _route(app, settings, slot)
    return app


def secured(response: flask.Response) -> flask.Response:
    """Give an answer the security headers that it lacks."""
    present = {name.lower() for name in response.headers.keys()}  # noqa: SIM118 - no mapping
    response.headers.extend(
        (name, value) for name, value in SECURITY_HEADERS.items() if name.lower() not in present
    )
    return response


def _allow_origins(app: flask.Flask, origins: Sequence[str]) -> None:
    # Imported here: where there are none, start and answers do without.
    from flask_cors import CORS

    CORS(
        app,
        resources={r"/v1/.*": {"origins": list(origins)}},
        methods=["GET", "POST"],
        allow_headers=ALLOWED_HEADERS,
        expose_headers=EXPOSED_HEADERS,
        max_age=CORS_MAX_AGE_S,
    )


def preload(app: flask.Flask) -> None:
    """Load the model before a request needs it; a failure is logged, and tried again by that."""
    with contextlib.suppress(Later):
        app.extensions["lesionlens_slot"].get()


def _load(settings: "Settings") -> Classifier:
    started = time.perf_counter()
    # The processes that decode come up meanwhile.
    decoders.shared.start()
    try:
        loaded = release.load(open_store(settings.model_uri), settings.model_version)
        classifier = Classifier(loaded, settings.interpreters)
        decoders.shared.wait()
    except (StorageError, ReleaseError) as error:
        structured_log.error(
            "the model could not be loaded", error, reason=str(error), model_uri=settings.model_uri
        )
        raise ModelUnavailable("The model cannot be loaded at the moment; try again.") from error
    structured_log.line(
        logging.INFO,
        "model loaded",
        model_version=loaded.manifest.version,
        seconds=round(time.perf_counter() - started, 3),
    )
    return classifier


def _route(app: flask.Flask, settings: "Settings", slot: Slot) -> None:
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
        # Imported here, with the image library that it needs.
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
        _route_page(app, settings.web_dir)
        _route_release(app, settings, slot)


def _route_page(app: flask.Flask, web_dir: Path) -> None:
    """Serve the page's own files, and no more: a catch-all would hide the API's 404 and 405."""

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


def _route_release(app: flask.Flask, settings: "Settings", slot: Slot) -> None:
    """Serve the files of the release in use, for the page that checks a picture by itself."""

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


def _surround(app: flask.Flask, settings: "Settings", slot: Slot) -> None:
    """Give every request an id and a log line, and every answer its headers."""

    @app.before_request
    def begin() -> None:
        proposed = flask.request.headers.get("X-Request-Id", "")
        request_id = proposed if _REQUEST_ID.fullmatch(proposed) else uuid.uuid4().hex
        context.begin(Context(request_id, time.perf_counter()))
        # Werkzeug takes several slashes at the start of a path for one: no address of ours.
        if flask.request.environ.get("PATH_INFO", "").startswith("//"):
            flask.request.path = f"/{flask.request.path}"
            flask.abort(404)

    @app.after_request
    def finish(response: flask.Response) -> flask.Response:
        secured(response)
        known = context.current()
        response.headers["X-Request-Id"] = known.request_id
        classifies = flask.request.path in CLASSIFICATIONS
        # An answer cached for one origin must not serve another.
        response_headers.vary(response, bool(settings.allowed_origins), classifies)
        if classifies:
            response.headers["Cache-Control"] = "no-store"
        latency = time.perf_counter() - known.started
        request = flask.request
        path = request.path[:LOGGED_PATH]
        structured_log.line(
            logging.ERROR if response.status_code >= 500 else logging.INFO,
            f"{request.method} {path} {response.status_code}",
            request_id=known.request_id,
            partner=known.caller.partner if known.caller else None,
            test=known.caller.test if known.caller else None,
            model_version=slot.loaded.manifest.version if slot.loaded else None,
            httpRequest={
                "requestMethod": request.method,
                "requestUrl": path,
                "status": response.status_code,
                "latency": f"{latency:.4f}s",
                "requestSize": request.content_length,
                "responseSize": response.content_length,
            },
            **structured_log.trace_fields(
                request.headers.get("traceparent", ""), settings.google_cloud_project
            ),
        )
        return response
