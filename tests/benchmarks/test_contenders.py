"""The contenders, and that both engines give the same results."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from lesionlens.model.classifier import ACTIVATION_MAPS, LOGITS, Classifier
from lesionlens.model.manifest import MODEL
from lesionlens.model.release import Release
from tests import releases
from tests.benchmarks import contenders, models
from tests.benchmarks.contenders import LITSERVE, ONNX, OURS, PAPER
from tests.conftest import RELEASES

# Input size of the shipped network.
SIZE: int = releases.MANIFEST_DOCUMENT["input"]["size"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    served = releases.MANIFEST_DOCUMENT["export"]["chosen"]
    about = {
        "served": served,
        "variants": {served: "", "other": ""},
        "size": 224,
        "classes": ["nv"],
    }
    (tmp_path / models.ABOUT).write_text(json.dumps(about))
    for name in (f"{served}.tflite", "other.tflite", models.ONNX, models.KERAS):
        (tmp_path / name).write_bytes(name.encode() * 100)
    (tmp_path / models.SAVED).mkdir()
    return tmp_path


def test_each_contender_serves_its_own_model(folder: Path) -> None:
    found = {one.name: one for one in contenders.line_up(folder)}
    assert [name for name in found if name != LITSERVE] == [OURS, ONNX, "compiled", PAPER]
    for name in (OURS, ONNX):
        store = found[name].store
        assert found[name].environment["MODEL_URI"] == store.as_uri()
        assert (store / "current.json").is_file()
    stored = [next(found[name].store.rglob("model.tflite")) for name in (OURS, ONNX)]
    assert stored[0].read_bytes() != stored[1].read_bytes()
    assert found[PAPER].environment["MODEL"] == str(folder / models.KERAS)


def test_what_is_deployed_holds_what_is_needed_and_no_more(folder: Path) -> None:
    found = {one.name: one for one in contenders.line_up(folder)}
    ours = contenders.closure(found[OURS].requirements)
    assert {"flask", "werkzeug", "ai-edge-litert", "pillow", "google-auth"} <= ours
    assert not {"tensorflow-cpu", "keras", "pytest", "onnxruntime"} & ours
    paper = contenders.closure(found[PAPER].requirements)
    assert {"tensorflow-cpu", "keras", "flask", "h5py"} <= paper
    sizes = {name: contenders.deployed_bytes(found[name]) for name in (OURS, PAPER)}
    assert 50e6 < sizes[OURS] < 400e6 < sizes[PAPER]


def test_the_served_variant_is_found_in_the_release() -> None:
    served = releases.MANIFEST_DOCUMENT["export"]["chosen"]
    assert models.shipped()[served] == RELEASES / releases.VERSION / "model.tflite"


def test_the_network_of_the_release_is_preferred_to_newer_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "RUNS", tmp_path)
    folder = tmp_path / "store" / "v1"
    folder.mkdir(parents=True)
    digest = hashlib.sha256(b"released").hexdigest()
    manifest = {"archive": {models.KERAS: {"sha256": digest}}}
    monkeypatch.setattr(models, "current", lambda: (folder, manifest))
    assert models.find_keras() is None
    for age, (name, network) in enumerate({"newer": b"another", "older": b"released"}.items()):
        path = tmp_path / name / models.KERAS
        path.parent.mkdir()
        path.write_bytes(network)
        os.utime(path, (1_000_000 - age, 1_000_000 - age))
    assert models.find_keras() == tmp_path / "older" / models.KERAS
    (tmp_path / "older" / models.KERAS).unlink()
    assert models.find_keras() == tmp_path / "newer" / models.KERAS


def test_onnx_runtime_takes_the_place_of_litert(monkeypatch: pytest.MonkeyPatch) -> None:
    from lesionlens.model import classifier
    from tests.benchmarks.onnx_engine import Runner

    graph, expected = _graph()
    monkeypatch.setattr(
        classifier, "_runner", lambda release, threads: Runner(release.files[MODEL], threads)
    )
    # The small graph has no features for a detector.
    manifest = msgspec.structs.replace(releases.manifest(), in_distribution=None)
    outputs = Classifier(Release(manifest, {MODEL: graph}), 1).run(
        np.ones((1, SIZE, SIZE, 3), np.float32)
    )
    np.testing.assert_allclose(outputs.logits, expected, rtol=1e-5)
    assert outputs.activation_maps.shape == (SIZE, SIZE, len(releases.CLASSES))


def _graph() -> tuple[bytes, Any]:
    """A minimal ONNX graph: the maps are the image times a matrix."""
    from onnx import TensorProto, helper, numpy_helper

    weights = np.arange(3 * len(releases.CLASSES), dtype=np.float32).reshape(3, -1)
    classes = len(releases.CLASSES)
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["image:0", "weights"], [ACTIVATION_MAPS]),
            helper.make_node("ReduceMean", [ACTIVATION_MAPS, "axes"], [LOGITS], keepdims=0),
        ],
        "small",
        [helper.make_tensor_value_info("image:0", TensorProto.FLOAT, (1, SIZE, SIZE, 3))],
        [
            helper.make_tensor_value_info(LOGITS, TensorProto.FLOAT, (1, classes)),
            helper.make_tensor_value_info(
                ACTIVATION_MAPS, TensorProto.FLOAT, (1, SIZE, SIZE, classes)
            ),
        ],
        [
            numpy_helper.from_array(weights, "weights"),
            numpy_helper.from_array(np.array([1, 2], np.int64), "axes"),
        ],
    )
    opset = helper.make_opsetid("", 18)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=9)
    return model.SerializeToString(), weights.sum(axis=0)


def test_a_peers_packages_are_those_of_its_own_environment(tmp_path: Path) -> None:
    for name, needs in (("peer", "part>=1"), ("part", ""), ("other", "")):
        info = tmp_path / f"{name}-1.dist-info"
        info.mkdir()
        lines = ["Metadata-Version: 2.1", f"Name: {name}", "Version: 1"]
        info.joinpath("METADATA").write_text(
            "\n".join([*lines, *([f"Requires-Dist: {needs}"] if needs else []), ""])
        )
        (tmp_path / f"{name}.py").write_bytes(b"#" * 1000)
        info.joinpath("RECORD").write_text(f"{name}.py,,\n")
    assert contenders.closure(["peer"], [tmp_path]) == {"peer", "part"}
    peer = contenders.Contender("peer", "", (), {}, ("peer",), (), packages=(tmp_path,))
    assert contenders.deployed_bytes(peer) == 2000
