"""The Cloud Function: settings, the journey of an image, and the application around it."""

import os
import threading

from lesionlens.imaging import fork_server

fork_server.start_ahead()  # imports its libraries on another core, in parallel with this module

# ruff: noqa: E402
import flask
import functions_framework
from werkzeug.wrappers import Response

from lesionlens import pipeline, settings
from lesionlens.api import app, gunicorn_worker

_settings = settings.from_environment(os.environ)
_app = app.create(_settings, pipeline.examine)
gunicorn_worker.install(_app)

if flask.has_app_context():
    # functions-framework imports this module within its own application, which serves
    # /favicon.ico and /robots.txt itself.
    flask.current_app.after_request(app.secured)

if _settings.preload_model:
    # The server imports this module and then forks its workers; threads do not survive a fork,
    # so each worker starts loading after it.
    os.register_at_fork(
        after_in_child=lambda: threading.Thread(target=app.preload, args=(_app,)).start()
    )


@functions_framework.http
def classify(request: flask.Request) -> Response:
    """Entry point: a whole Flask application behind one function."""
    return Response.from_app(_app.wsgi_app, request.environ)
