"""Classifies one image file: from its bytes to the result document.

Independent of HTTP: the routes, ``archive.py`` and the Beam pipeline all call `classify`.
"""

import time

import numpy as np

from .imaging import decoder_pool, image_quality, model_input
from .model import cam, result
from .model.classifier import Classifier
from .model.options import PREDICTED, Options
from .model.result_document import Result

DEFAULT = Options()


def classify(
    data: bytes,
    classifier: Classifier,
    options: Options = DEFAULT,
    request_id: str = "",
    deadline: float | None = None,
) -> Result:
    """Classify one image file and return its result document.

    ``deadline``: time by which the file must be prepared, on the clock of `time.monotonic`; None:
    only the decoders' own deadline applies. Raises `ImageProblem` or `UnsupportedType`
    (`lesionlens.errors`) for an unusable file, and `Overloaded` if it cannot be prepared in time.
    """
    manifest = classifier.manifest

    started = time.perf_counter()
    prepared = decoder_pool.shared.prepare(data, manifest.preprocessing, deadline)
    tensor = prepared.tensor

    decoded_at = time.perf_counter()
    views = [classifier.run(view) for view in model_input.views(tensor, options.views)]
    first = views[0]
    logits = np.mean([view.logits for view in views], axis=0) if len(views) > 1 else first.logits
    # Recognition and quality are those of the image as it was sent.
    recognition = classifier.recognize(first)
    quality = image_quality.measures(tensor, min(prepared.width, prepared.height))

    inferred_at = time.perf_counter()
    timing = result.Timing(
        decode=1e3 * (decoded_at - started),
        inference=1e3 * (inferred_at - decoded_at),
        total=1e3 * (inferred_at - started),
    )
    cautions = image_quality.cautions(quality, manifest.quality.limits)
    document = result.build(
        request_id, manifest, prepared, options, logits, recognition, cautions, timing
    )
    if options.explain:
        label = options.explain
        if label is PREDICTED:
            label = document["probabilities"][0]["label"]
        document["explanation"] = cam.build(
            label, manifest.classes, first.activation_maps, prepared, options.overlay
        )
    return document
