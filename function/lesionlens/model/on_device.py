"""What a browser needs, besides the files of the release, to classify images as this server does.

Names and warnings, which are defined in this code, and two test images with their results: a
browser that computes other results for them must not classify.
"""

import base64
import hashlib
import io
from typing import Any, TypedDict

import numpy as np
from PIL import Image

from ..imaging import decode, image_quality, sizes
from ..imaging.model_input import FIRST_PICTURE
from ..imaging.preprocess import prepare
from .classifier import ACTIVATION_MAPS, FEATURES, LOGITS, Classifier
from .diagnoses import TAXONOMY
from .posterior import named_prior, posterior
from .result import NOT_DERMATOSCOPIC, NOTICE

# Of the test images in pixels: not square, so that a wrong orientation shows.
WIDTH, HEIGHT = 160, 120
_ORIENTATION, _TURNED = 0x0112, 6


class Check(TypedDict):
    """A test image and its results.

    ``picture``: the file in base64. ``probabilities``: (classes,) under the default prior.
    ``exact``: SHA-256 of each output as little-endian float32; empty where browsers may differ.
    """

    picture: str
    probabilities: list[float]
    exact: dict[str, str]


def describe(classifier: Classifier) -> dict[str, Any]:
    """Return the document for the release of the classifier."""
    manifest = classifier.manifest
    cautions = {
        FIRST_PICTURE.code: FIRST_PICTURE,
        **NOT_DERMATOSCOPIC,
        **image_quality.CAUTIONS,
    }
    return {
        "version": manifest.version,
        "classes": {
            label: {"name": TAXONOMY[label].name, "malignant": TAXONOMY[label].malignant}
            for label in manifest.classes
        },
        "cautions": {name: vars(caution) for name, caution in cautions.items()},
        "min_side": sizes.MIN_SIDE,
        "full_side": decode.FULL_SIDE,
        "notice": NOTICE,
        # All browsers decode PNG to the same pixels; their JPEG decoders differ by a level or two.
        "check": [_check(classifier, "PNG", exact=True), _check(classifier, "JPEG", exact=False)],
    }


def _check(classifier: Classifier, file_format: str, exact: bool) -> Check:
    manifest = classifier.manifest
    buffer, exif = io.BytesIO(), Image.Exif()
    exif[_ORIENTATION] = _TURNED
    _drawing().save(buffer, file_format, exif=exif)
    outputs = classifier.run(prepare(buffer.getvalue(), manifest.preprocessing).tensor)
    usual = named_prior(manifest, manifest.malignancy.prior)
    arrays = {
        LOGITS: outputs.logits,
        ACTIVATION_MAPS: outputs.activation_maps,
        FEATURES: outputs.features,
    }
    return {
        "picture": base64.b64encode(buffer.getvalue()).decode(),
        "probabilities": posterior(outputs.logits, manifest.calibration, usual.shares).tolist(),
        "exact": {
            name: hashlib.sha256(array.astype("<f4").tobytes()).hexdigest()
            for name, array in arrays.items()
            if exact and array.size
        },
    }


def _drawing() -> Image.Image:
    """A brown spot on skin, overlaid with waves of many wavelengths, to test resampling."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    radius = np.hypot(x - WIDTH / 2, y - HEIGHT / 3) / HEIGHT
    inside = 1 / (1 + np.exp((radius - 0.3) / 0.03))
    waves = np.sin(x * y / 90) + np.sin(x / 2 + y / 5) + np.sin(y / 3 - x / 11)
    channels = [
        skin * (1 - inside) + lesion * inside + strength * waves
        for skin, lesion, strength in ((214, 128, 9), (160, 84, 12), (150, 68, 15))
    ]
    return Image.fromarray(np.clip(np.stack(channels, axis=-1), 0, 255).astype(np.uint8))
