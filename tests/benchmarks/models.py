"""Exports one network in every form for the contenders: `python -m tests.benchmarks.models FOLDER`.

Writes model.keras, saved/ (a SavedModel), VARIANT.tflite of each variant, served.onnx, about.json.
"""

import argparse
import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

from lesionlens.model import release
from lesionlens.model.classifier import SIGNATURE
from lesionlens.model.manifest import MODEL
from tests.conftest import RELEASES, ROOT

RUNS = ROOT / "training" / "runs"
KERAS, SAVED, ONNX, ABOUT = "model.keras", "saved", "served.onnx", "about.json"
TFLITE = ".tflite"
FLOAT32 = "float32"
UNTRAINED = (
    "untrained, of the same architecture: the trained model.keras is archived in the bucket and "
    "was not at hand; latency and memory do not depend on the weights"
)


def current() -> tuple[Path, dict[str, Any]]:
    """Folder and manifest of the current release."""
    version = json.loads((RELEASES / release.POINTER).read_text())["version"]
    folder = RELEASES / version
    return folder, json.loads((folder / release.MANIFEST).read_text())


def find_keras() -> Path | None:
    """Path of the trained network of the release if it is found, else of the newest run's."""
    runs = sorted(RUNS.glob(f"*/{KERAS}"), key=lambda path: path.stat().st_mtime, reverse=True)
    folder, _ = current()
    found = [path for path in (folder / KERAS, *runs) if path.is_file()]
    return next(filter(of_release, found), found[0] if found else None)


def of_release(keras: Path) -> bool:
    """Whether this is the network from which the release was exported."""
    _, manifest = current()
    return hashlib.sha256(keras.read_bytes()).hexdigest() == manifest["archive"][KERAS]["sha256"]


def shipped() -> dict[str, Path]:
    """The variants in the release, by their names in the export."""
    folder, manifest = current()
    served = manifest["export"]["chosen"]
    found = {served: folder / MODEL}
    for path in sorted(folder.glob(f"*{TFLITE}")):
        if path.name != MODEL and path.stem != served:
            found[path.stem] = path
    return found


def variants_of(keras: Path | None) -> Path | None:
    """Folder of exported variants in the run that trained this network."""
    folder = keras.parent / "variants" if keras else None
    return folder if folder and folder.is_dir() else None


def prepare(folder: Path, keras: Path | None, variants: Path | None) -> None:
    """Write all forms; ``keras`` None: of a network with random weights."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
    import keras as framework
    import numpy as np

    from training.learning import mobilenet
    from training.releasing import export

    _, manifest = current()
    size, classes = manifest["input"]["size"], manifest["classes"]
    if keras is None:
        width = float(manifest["name"].split("_")[1])
        # Random weights would give denormal numbers, which are slow.
        known = mobilenet.imagenet_weights() if width == 1 else None
        backbone = known if isinstance(known, Path) else None
        network = mobilenet.build(len(classes), width, 0.0, backbone, seed=0)
        network.save(folder / KERAS)
    else:
        network = framework.models.load_model(keras, compile=False)
        shutil.copy(keras, folder / KERAS)
    network.export(folder / SAVED, verbose=False)

    forms = {name: (path, "shipped") for name, path in shipped().items()}
    # Only of the served input size: others need another amount of computation.
    for path in sorted(variants.glob(f"*-{size}{TFLITE}")) if variants else []:
        forms.setdefault(path.stem, (path, "exported by the run"))
    for name, (path, _) in forms.items():
        shutil.copy(path, folder / f"{name}{TFLITE}")
    origins = {name: origin for name, (_, origin) in forms.items()}
    for precision in (FLOAT32, "float16"):
        if (name := f"{precision}-{size}") not in forms:
            blank = np.zeros((1, size, size, 3), np.uint8)
            (folder / f"{name}{TFLITE}").write_bytes(export.convert(network, precision, blank))
            origins[name] = "converted for this run"
    served = manifest["export"]["chosen"]
    _to_onnx(folder / f"{served}{TFLITE}", folder / ONNX)
    about = {
        "version": manifest["version"],
        "served": served,
        "size": size,
        "classes": classes,
        "weights": _weights(keras),
        "variants": origins,
        "accuracy": manifest["export"]["variants"],
        "accuracy_on": manifest["export"].get("measured_on", "unknown"),
    }
    (folder / ABOUT).write_text(json.dumps(about))


def _to_onnx(tflite: Path, path: Path) -> None:
    """Convert the graph for ONNX Runtime, with outputs named as in the signature.

    Quantization is kept: QuantizeLinear and DequantizeLinear around each operation.
    """
    import onnx
    import tf2onnx
    from ai_edge_litert.interpreter import Interpreter

    graph, _ = tf2onnx.convert.from_tflite(str(tflite))
    signature = Interpreter(str(tflite)).get_signature_runner(SIGNATURE).get_output_details()
    names = {details["name"]: name for name, details in signature.items()}
    for node in graph.graph.node:
        node.output[:] = [names.get(output, output) for output in node.output]
        node.input[:] = [names.get(found, found) for found in node.input]
    for output in graph.graph.output:
        output.name = names[output.name]
    onnx.save(graph, str(path))


def _weights(keras: Path | None) -> str:
    if keras is None:
        return UNTRAINED
    if of_release(keras):
        return "those of the release"
    return "those of another training run than the release's; latency and memory are the same"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--keras", type=Path)
    parser.add_argument("--variants", type=Path)
    options = parser.parse_args()
    trained = options.keras or find_keras()
    prepare(options.folder, trained, options.variants or variants_of(trained))
