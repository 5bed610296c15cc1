"""The Flask application: its parts in their order, and what every request and answer gets."""

import contextlib
import logging
import re
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import flask
from werkzeug.exceptions import NotFound
from werkzeug.routing import RequestRedirect

from ..errors import Later, ModelUnavailable
from ..imaging import decoder_pool
from ..model import release
from ..model.classifier import Classifier, Slot
from ..model.manifest import ReleaseError
from ..model.object_store import StorageError
from ..model.storage import open_store
from . import (
    classification,
    context,
    json_text,
    problem_details,
    response_headers,
    routes,
    security_headers,
    structured_log,
)
from .admission import CLASSIFICATIONS, Admission
from .classification import Classify
from .context import Context
from .request_body import Request

if TYPE_CHECKING:
    from ..settings import Settings

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
CORS_MAX_AGE_S = 3600
# What pages of other origins may send, and read.
ALLOWED_HEADERS = [
    *("Authorization", "Content-Type", "Idempotency-Key", "If-None-Match", "X-API-Key"),
    *("X-Request-Id", "traceparent"),
]
EXPOSED_HEADERS = [
    *("Deprecation", "ETag", "Idempotent-Replayed", "Link", "RateLimit", "RateLimit-Policy"),
    *("Retry-After", "Server-Timing", "Sunset", "WWW-Authenticate", "X-Request-Id"),
]
LOGGED_PATH = 200  # characters of a path, at most
TEMPLATES = Path(__file__).parents[1] / "templates"


def create(settings: "Settings", classify: Classify) -> flask.Flask:
    """Return the application; ``classify`` classifies one image, see `pipeline.classify`.

    The model is loaded by the first request that needs it, or by `preload`.
    """
    app = flask.Flask("lesionlens", static_folder=None, template_folder=str(TEMPLATES))
    app.request_class = Request
    # No redirects: behind a proxy they would lead to http://, and a client that followed one would
    # send its image unencrypted.
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

    @app.before_request
    def refuse_redirects() -> None:
        """Answer 404 where Flask would add a slash, with a URL from the request's Host."""
        if isinstance(flask.request.routing_exception, RequestRedirect):
            raise NotFound

    # Flask runs these in reverse order after a request: an answer is stored for its Idempotency-Key
    # as it is, then compressed, then logged.
    response_headers.register(app)
    admission = Admission(settings)
    admission.register(app)
    classification.register(app, slot, admission, classify)
    routes.register(app, settings, slot)
    return app


def _allow_origins(app: flask.Flask, origins: Sequence[str]) -> None:
    # Imported on demand: most deployments allow no origins.
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
    """Load the model before a request needs it; after a failure, the next request tries again."""
    with contextlib.suppress(Later):
        app.extensions["lesionlens_slot"].get()


def _load(settings: "Settings") -> Classifier:
    started = time.perf_counter()
    # The decoder processes start while the model is loaded.
    decoder_pool.shared.start()
    try:
        loaded = release.load(open_store(settings.model_uri), settings.model_version)
        classifier = Classifier(loaded, settings.interpreters)
        decoder_pool.shared.wait()
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


def _surround(app: flask.Flask, settings: "Settings", slot: Slot) -> None:
    """Give every request an id and a log line, and every answer its headers."""

    @app.before_request
    def begin() -> None:
        proposed = flask.request.headers.get("X-Request-Id", "")
        request_id = proposed if _REQUEST_ID.fullmatch(proposed) else uuid.uuid4().hex
        context.begin(Context(request_id, time.perf_counter()))
        # Werkzeug reads several slashes at the start of a path as one; no route has them.
        if flask.request.environ.get("PATH_INFO", "").startswith("//"):
            flask.request.path = f"/{flask.request.path}"
            flask.abort(404)

    @app.after_request
    def finish(response: flask.Response) -> flask.Response:
        security_headers.add(response)
        known = context.current()
        response.headers["X-Request-Id"] = known.request_id
        classifies = flask.request.path in CLASSIFICATIONS
        # An answer that was cached for one origin must not be served to another.
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
