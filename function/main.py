"""The Cloud Function: the journey of an image, from HTTP bytes to a result."""

import functools
import os
import threading
from typing import Any

import flask
import functions_framework
from werkzeug.wrappers import Response

from lesionlens import pipeline, settings
from lesionlens.api import admission, app, batch, negotiation, parameters, upload
from lesionlens.api.admission import Admit
from lesionlens.imaging import decode_budget
from lesionlens.model.classifier import Classifier


def answer(
    request: flask.Request, request_id: str, classifier: Classifier, admit: Admit
) -> dict[str, Any]:
    """Classify the image in a request. Raises lesionlens.errors.Problem for what the client did."""
    options = parameters.read(request.args, classifier.manifest)
    if options.explain:
        negotiation.require_explainable(request)
    data = upload.read(request)
    admit([data], options.views)
    return pipeline.examine(data, classifier, options, request_id, _budget)


def answer_batch(
    request: flask.Request, request_id: str, classifier: Classifier, admit: Admit
) -> dict[str, Any]:
    """Classify the images in a request, each with a result or a problem of its own."""
    options = parameters.read(request.args, classifier.manifest)
    files = upload.read_batch(request, admission.batch_limit())
    admit(files, options.views)
    one = functools.partial(
        pipeline.examine,
        classifier=classifier,
        options=options,
        request_id=request_id,
        budget=_budget,
    )
    return batch.build(request_id, files, one)


_settings = settings.from_environment(os.environ)
_budget = decode_budget.DecodeBudget(_settings.max_pixels_decoded)
decode_budget.return_what_is_freed()
_app = app.create(_settings, answer, answer_batch)

if flask.has_app_context():
    # functions-framework imports this module inside of its own application, which answers
    # /favicon.ico and /robots.txt by itself.
    flask.current_app.after_request(app.secured)

if _settings.preload_model:
    # The server imports this module and then forks its workers; threads do not survive that, so
    # each worker starts loading when it comes to life.
    os.register_at_fork(
        after_in_child=lambda: threading.Thread(target=app.preload, args=(_app,)).start()
    )


@functions_framework.http
def classify(request: flask.Request) -> Response:
    """Entry point: a whole Flask application behind one function."""
    return Response.from_app(_app.wsgi_app, request.environ)
