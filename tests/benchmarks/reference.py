"""The paper's implementation, done fairly: a Flask app with Keras, loaded once at start.

    ENGINE=predict  load_img + model.predict on the .keras file, as the paper does
    ENGINE=compiled the usual improvement: a compiled tf.function on the SavedModel

MODEL names the file or folder, CLASSES the labels in the order of the outputs, SIZE the input's
side. Served as ours is: gunicorn, one worker, four threads a core.
"""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flask
import numpy as np
import pi_heif
import tensorflow as tf
from keras.utils import img_to_array, load_img

# So that it can read an iPhone's photographs too.
pi_heif.register_heif_opener()

MODEL = os.environ["MODEL"]
CLASSES = os.environ["CLASSES"].split(",")
SIZE = int(os.environ["SIZE"])


def predict() -> Callable[[Any], Any]:
    import keras

    network = keras.models.load_model(MODEL, compile=False)
    return lambda images: network.predict(images, verbose=0)


def compiled() -> Callable[[Any], Any]:
    serve = tf.saved_model.load(MODEL).signatures["serving_default"]
    return lambda images: next(iter(serve(tf.constant(images)).values())).numpy()


infer = {"predict": predict, "compiled": compiled}[os.environ["ENGINE"]]()
app = flask.Flask(__name__)


@app.post("/v1/classify")
def classify() -> dict[str, Any]:
    upload = flask.request.files["image"]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "upload"
        upload.save(path)
        picture = load_img(path, target_size=(SIZE, SIZE))
    # The exported models contain the scaling of values.
    logits = infer(img_to_array(picture)[np.newaxis])[0].astype(np.float64)
    shares = np.exp(logits - logits.max())
    shares /= shares.sum()
    best = int(shares.argmax())
    return {
        "prediction": {"label": CLASSES[best], "probability": float(shares[best])},
        "probabilities": dict(zip(CLASSES, shares.tolist(), strict=True)),
    }


@app.get("/health")
def health() -> dict[str, str]:
    return {"status": "ok"}
