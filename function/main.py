"""The Cloud Function: reads the settings and builds the Flask application that answers."""

import os
import threading

from lesionlens.imaging import fork_server

fork_server.start_ahead()  # imports its libraries in parallel with this module, on another core

# ruff: noqa: E402
import flask
import functions_framework
from werkzeug.wrappers import Response

from lesionlens import pipeline, settings
from lesionlens.api import app, gunicorn_worker, security_headers

_settings = settings.from_environment(os.environ)
_app = app.create(_settings, pipeline.classify)
gunicorn_worker.install(_app)

if flask.has_app_context():
    # functions-framework imports this module within its own application, which serves
    # /favicon.ico and /robots.txt itself.
    flask.current_app.after_request(security_headers.add)

if _settings.preload_model:
    # The server imports this module and then forks its workers; threads do not survive a fork,
    # so each worker starts loading after it.
    os.register_at_fork(
        after_in_child=lambda: threading.Thread(target=app.preload, args=(_app,)).start()
    )


@functions_framework.http
def classify(request: flask.Request) -> Response:
    """Answer a request: the entry point, which passes it to the Flask application."""
    return Response.from_app(_app.wsgi_app, request.environ)
