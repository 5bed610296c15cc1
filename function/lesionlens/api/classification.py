"""The routes that take images: from a request to its answer, stage by stage."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import flask

from ..errors import MalformedRequest, Overloaded, Problem
from ..model.classifier import Classifier, Slot
from ..model.options import Options
from ..model.result_document import Result
from . import context, negotiation, parameters, structured_log, upload
from .admission import Admission
from .context import Context
from .upload import Upload

# The signature of `pipeline.classify`, which classifies one image.
Classify = Callable[[bytes, Classifier, Options, str, float], Result]
Entry = dict[str, Any]

# For all images of a request, from its last byte on, so that an answer is sent within 8 s.
DECODE_SECONDS = 7.0


def register(app: flask.Flask, slot: Slot, admission: Admission, classify: Classify) -> None:
    """Add the routes.

    Each accepts every kind of body; the longer paths exist for generated clients, whose types need
    one kind per path.
    """

    @app.post("/v1/classify", endpoint="classify")
    @app.post("/v1/classify/raw", endpoint="classify_raw")
    @app.post("/v1/classify/base64", endpoint="classify_base64")
    def single() -> flask.Response | str:
        request = flask.request
        form = negotiation.chosen(request, negotiation.ONE)
        classifier = slot.get()
        options = parameters.read(request.args, classifier.manifest)
        if options.explain:
            negotiation.require_explainable(form)
        posted = upload.read(request)
        context.current().decode_until = time.monotonic() + DECODE_SECONDS
        admission.admit(_parts(posted), 1, options.views)
        known = context.current()
        result = _classified(classify, posted, classifier, options, known)
        # A page that may be stored for repeated requests must not contain the image.
        picture = b"" if known.claim else posted.data
        return negotiation.render(form, result, classifier, picture)

    @app.post("/v1/batch", endpoint="batch")
    @app.post("/v1/batch/base64", endpoint="batch_base64")
    def batch() -> flask.Response | str:
        request = flask.request
        form = negotiation.chosen(request, negotiation.SEVERAL)
        classifier = slot.get()
        options = parameters.read(request.args, classifier.manifest)
        if options.explain:
            negotiation.require_explainable(form)
        known = context.current()
        assert known.caller is not None
        posted = upload.read_batch(request, known.caller.batch)
        known.decode_until = time.monotonic() + DECODE_SECONDS
        parts = [part for one in posted for part in _parts(one)]
        admission.admit(parts, len(posted), options.views)
        entries = _entries(classify, posted, classifier, options, known)
        if form == negotiation.JSON_LINES:
            return negotiation.lines(entries)
        document = {"request_id": known.request_id, "results": list(entries)}
        return negotiation.render(form, document, classifier)


def _classified(
    classify: Classify, posted: Upload, classifier: Classifier, options: Options, known: Context
) -> Result:
    result = classify(posted.data, classifier, options, known.request_id, known.decode_until)
    known.add_stages(result["timing_ms"])
    if record := posted.record.document():
        result["record"] = record
    if known.caller and known.caller.test:
        result["test"] = True
    return result


def _entries(
    classify: Classify,
    posted: Sequence[Upload],
    classifier: Classifier,
    options: Options,
    known: Context,
) -> Iterator[Entry]:
    """Yield the entries of a batch in their order, each with a result or a problem.

    Does not use Flask's context, which ends before a streamed answer is produced. Images are
    classified one after the other, so that a batch holds one decoded image in memory, and other
    requests can use the other interpreters.
    """
    full: Overloaded | None = None
    for index, one in enumerate(posted):
        entry: Entry = {"index": index, **({} if one.id is None else {"id": one.id})}
        try:
            if full:
                # Waiting again for each further image would outlast the request.
                raise full
            if not one.data:
                raise MalformedRequest("The image is empty (0 bytes).")
            entry["result"] = _classified(classify, one, classifier, options, known)
        except Problem as problem:
            full = problem if isinstance(problem, Overloaded) else None
            entry["problem"] = problem.document(known.request_id)
            # A temporary problem must not be stored for the Idempotency-Key.
            known.keepable &= problem.status < 500
        except Exception as error:
            # An internal error on one image must not withhold the results of the others.
            structured_log.error("internal error", error, request_id=known.request_id)
            entry["problem"] = Problem.unexpected().document(known.request_id)
            known.keepable = False
        yield entry


def _parts(one: Upload) -> tuple[bytes, bytes]:
    """The parts of an upload that must be the same in a repeated request."""
    return one.data, json.dumps({"id": one.id, **one.record.document()}).encode()
