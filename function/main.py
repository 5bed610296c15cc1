"""The Cloud Function: the journey of an image, from HTTP bytes to a result."""

import functools
import os
import threading
import time
from typing import Any

import flask
import functions_framework
import numpy as np
from werkzeug.wrappers import Response

from lesionlens import settings
from lesionlens.api import (
    admission,
    app,
    batch,
    gunicorn_worker,
    negotiation,
    parameters,
    upload,
)
from lesionlens.api.admission import Admit
from lesionlens.imaging import decode, decode_budget, image_quality, preprocess
from lesionlens.model import cam, result
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
    return examine(data, options, request_id, classifier)


def answer_batch(
    request: flask.Request, request_id: str, classifier: Classifier, admit: Admit
) -> dict[str, Any]:
    """Classify the images in a request, each with a result or a problem of its own."""
    options = parameters.read(request.args, classifier.manifest)
    files = upload.read_batch(request, admission.batch_limit())
    admit(files, options.views)
    one = functools.partial(examine, options=options, request_id=request_id, classifier=classifier)
    return batch.build(request_id, files, one)


def examine(
    data: bytes, options: parameters.Options, request_id: str, classifier: Classifier
) -> dict[str, Any]:
    """Classify one image file. Raises lesionlens.errors.ImageProblem, UnsupportedType."""
    manifest = classifier.manifest

    started = time.perf_counter()
    decoded = decode.decode(data, enough=manifest.preprocessing.size, room=_room)
    tensor = preprocess.tensor(decoded.image, manifest.preprocessing)

    ready = time.perf_counter()
    views = [classifier.run(view) for view in preprocess.views(tensor, options.views)]
    logits = np.mean([view.logits for view in views], axis=0)
    first = views[0]
    score = classifier.distance(first)
    measured = image_quality.measures(tensor, min(decoded.width, decoded.height))

    done = time.perf_counter()
    timing = result.Timing(1e3 * (ready - started), 1e3 * (done - ready), 1e3 * (done - started))
    cautions = image_quality.cautions(measured, manifest.quality)
    document = result.build(request_id, manifest, decoded, options, logits, score, cautions, timing)
    if options.explain:
        label = options.explain
        if label is parameters.PREDICTED:
            label = document["probabilities"][0]["label"]
        document["explanation"] = cam.build(
            label, manifest.classes, first.activation_maps, decoded, options.overlay
        )
    return document


_settings = settings.from_environment(os.environ)
_room = decode_budget.DecodeBudget(_settings.max_pixels_decoded)
decode_budget.return_what_is_freed()
_app = app.create(_settings, answer, answer_batch)
gunicorn_worker.install()

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
