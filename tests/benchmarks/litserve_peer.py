"""The same network served by LitServe as in its examples: a worker for each core, LiteRT int8.

Runs in .venv-peers. MODEL names the .tflite file, CLASSES the labels in the order of the outputs,
SIZE the input's side; the first argument is the port.
"""

import io
import os
import sys
from typing import Any

import litserve
import numpy as np
import pi_heif
from ai_edge_litert.interpreter import Interpreter
from fastapi import Request
from PIL import Image, ImageOps

CLASSES = os.environ["CLASSES"].split(",")
SIZE = int(os.environ["SIZE"])


class Classifier(litserve.LitAPI):
    def setup(self, device: str) -> None:
        pi_heif.register_heif_opener()
        interpreter = Interpreter(os.environ["MODEL"], num_threads=1)
        self.run = interpreter.get_signature_runner("serving_default")

    async def decode_request(self, request: Request) -> Any:
        picture = Image.open(io.BytesIO(await request["image"].read())).convert("RGB")
        square = ImageOps.fit(picture, (SIZE, SIZE), Image.Resampling.BILINEAR)
        return np.asarray(square, np.float32)[np.newaxis]

    async def predict(self, image: Any) -> Any:
        return self.run(image=image)["logits"][0].astype(np.float64)

    async def encode_response(self, logits: Any) -> dict[str, Any]:
        shares = np.exp(logits - logits.max())
        shares /= shares.sum()
        best = int(shares.argmax())
        return {
            "prediction": {"label": CLASSES[best], "probability": float(shares[best])},
            "probabilities": dict(zip(CLASSES, shares.tolist(), strict=True)),
        }


if __name__ == "__main__":
    api = Classifier(api_path="/v1/classify", enable_async=True)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=os.cpu_count() or 1)
    server.run(
        host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False, log_level="error"
    )
