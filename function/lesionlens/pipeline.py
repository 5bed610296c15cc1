"""Classifies one image file: from its bytes to the result document.

Independent of HTTP: the routes, ``archive.py`` and the Beam pipeline all call `examine`.
"""

import time

import numpy as np

from .imaging import decoders, image_quality, model_input
from .model import cam, result
from .model.classifier import Classifier
from .model.options import PREDICTED, Options
from .model.result_document import Result

DEFAULT = Options()


def examine(
    data: bytes,
    classifier: Classifier,
    options: Options = DEFAULT,
    request_id: str = "",
    until: float | None = None,
) -> Result:
    """Classify one image file and return its result document.

    ``until``: deadline for decoding the file, on the clock of `time.monotonic`; None for none but
    that of the decoders. Raises `ImageProblem` or `UnsupportedType` (`lesionlens.errors`) for an
    unusable file, and `Overloaded` if it cannot be decoded in time.
    """
    manifest = classifier.manifest

    started = time.perf_counter()
    decoded = decoders.shared.prepare(data, manifest.preprocessing, until)
    tensor = decoded.tensor

    decoded_at = time.perf_counter()
    views = [classifier.run(view) for view in model_input.views(tensor, options.views)]
    first = views[0]
    logits = np.mean([view.logits for view in views], axis=0) if len(views) > 1 else first.logits
    recognition = classifier.recognize(first)
    measured = image_quality.measures(tensor, min(decoded.width, decoded.height))

    inferred_at = time.perf_counter()
    timing = result.Timing(
        decode=1e3 * (decoded_at - started),
        inference=1e3 * (inferred_at - decoded_at),
        total=1e3 * (inferred_at - started),
    )
    cautions = image_quality.cautions(measured, manifest.quality.limits)
    document = result.build(
        request_id, manifest, decoded, options, logits, recognition, cautions, timing
    )
    if options.explain:
        label = options.explain
        if label is PREDICTED:
            label = document["probabilities"][0]["label"]
        document["explanation"] = cam.build(
            label, manifest.classes, first.activation_maps, decoded, options.overlay
        )
    return document
