"""The Cloud Function: the journey of an image, from HTTP bytes to a result."""

import os
import threading
import time
from typing import Any

import flask
import functions_framework
from werkzeug.wrappers import Response

from lesionlens import app, explanation, image, preprocess, query, result, settings, upload
from lesionlens.classifier import Classifier
from lesionlens.room import Room


def answer(request: flask.Request, request_id: str, classifier: Classifier) -> dict[str, Any]:
    """Classify the image in a request. Raises lesionlens.errors.Problem for what the client did."""
    options = query.read(request.args, classifier.manifest)
    return examine(upload.read(request), options, request_id, classifier)


def examine(
    data: bytes, options: query.Options, request_id: str, classifier: Classifier
) -> dict[str, Any]:
    """Classify one image file. Raises lesionlens.errors.ImageProblem, UnsupportedType."""
    manifest = classifier.manifest

    started = time.perf_counter()
    decoded = image.decode(data, enough=manifest.preprocessing.size, room=_room)
    tensor = preprocess.tensor(decoded.image, manifest.preprocessing)

    ready = time.perf_counter()
    outputs = classifier.run(tensor)
    shares = result.probabilities(outputs.logits, manifest)

    done = time.perf_counter()
    timing = result.Timing(1e3 * (ready - started), 1e3 * (done - ready), 1e3 * (done - started))
    document = result.build(request_id, manifest, decoded, shares, timing)
    if options.explain:
        predicted = options.explain is query.PREDICTED
        label = document["prediction"]["label"] if predicted else options.explain
        document["explanation"] = explanation.build(
            label, manifest.classes, outputs.activation_maps, decoded
        )
    return document


_settings = settings.from_environment(os.environ)
_room = Room(_settings.max_pixels_decoded)
_app = app.create(_settings, answer)

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
