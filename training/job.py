"""The journey of a model, from a data set to a release in object storage.

Each stage takes what the ones before it left in the run's folder and leaves its own result there,
so that it can also be run alone.
"""

import hashlib
import json
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from lesionlens import release as releases
from lesionlens import storage

from . import (
    cluster,
    dataset,
    evaluate,
    export,
    fit,
    imbalance,
    manifest,
    plots,
    predictions,
    provenance,
    publish,
    source,
    split,
)
from .cluster import ALONE, Cluster
from .config import Config
from .dataset import CLASSES, Dataset
from .split import Split

CONFIG, ORIGIN, SPLIT = "config.json", "origin.json", "split.json"
MODEL, HISTORY = "model.keras", "history.json"
EVALUATION, EXPORT = "evaluation.json", "export.json"
VARIANTS = "variants"
DISTRIBUTION, CURVES, CONFUSION = (
    f"figures/{name}.png" for name in ("distribution", "curves", "confusion")
)
# What is published beside the model, and what the model card shows.
EVIDENCE = (DISTRIBUTION, CURVES, CONFUSION, HISTORY)
# The engine that exports.
EXPORTS = "tensorflow"
# Folders with the answers for each image: of the Keras model, and of the variant that is shipped.
KERAS_ANSWERS, ANSWERS = "answers-keras", "answers"


@dataclass(frozen=True)
class Job:
    config: Config
    data: str | None  # a folder or gs:// address; None for the configuration's own choice
    run: Path
    cache: Path
    store: str = ""  # file:// or gs:// address
    resume: bool = False
    promote: bool = False
    force: bool = False
    version: str | None = None  # None: made from the date and the model
    team: Cluster = ALONE  # the workers that share the training

    @cached_property
    def dataset(self) -> Dataset:
        drawings = self.config.data.generated
        if self.data is None and drawings:
            return dataset.read(source.drawn(drawings, self.config.seed, self.cache))
        return dataset.read(source.folder(self.data or source.default(), self.cache))

    @cached_property
    def split(self) -> Split:
        return split.read(self.dataset, self.run / SPLIT)

    def frames(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        """(N, S, S, 3): images of the data set as serving would see them."""
        side = self.config.preprocessing.size
        return dataset.decoded(self.dataset.subset(indices), side, side, self.config.preprocessing)

    def require_own_configuration(self) -> None:
        """Raises ValueError if the run was begun with another configuration than this job's."""
        if self.read(CONFIG) != self.config.as_json():
            raise ValueError(
                f"{self.run} was begun with another configuration; give the same --config and --set"
            )

    def read(self, name: str) -> Any:
        return json.loads((self.run / name).read_text())

    def write(self, name: str, document: Any) -> None:
        (self.run / name).write_text(json.dumps(document, indent=1) + "\n")


def run(job: Job) -> str | None:
    """Make a release from a data set; return its version.

    A worker that is not the chief has done its part, and returns None, when the training ends.
    """
    describe(job)
    divide(job)
    train(job)
    if not job.team.is_chief:
        return None
    judge(job)
    convert(job)
    return release(job)


def describe(job: Job) -> None:
    """Read the data set, decode all of it, print and plot the distribution of its classes."""
    config = job.config
    dataset.cached(job.dataset, *config.data.frame, config.preprocessing, job.cache)
    if not job.team.is_chief:
        return
    counts = dataset.distribution(job.dataset)
    print(f"{'class':<8}{'images':>8}{'lesions':>9}")
    for label, (images, lesions) in counts.items():
        print(f"{label:<8}{images:>8}{lesions:>9}")
    plots.distribution(counts, job.run / DISTRIBUTION)


def divide(job: Job) -> None:
    """Split the data set by lesion and write the split out."""
    config = job.config
    parts = split.make(job.dataset, config.data, config.seed)
    if job.resume and (job.run / SPLIT).exists() and split.differ(job.split, parts):
        raise ValueError(f"{job.run} was begun with another split; it cannot be resumed")
    split.write(job.dataset, parts, job.run / SPLIT)
    for part in split.PARTS:
        print(f"{part:<12}{len(getattr(parts, part)):>6} images")


def train(job: Job) -> None:
    """Train, or continue a training that was interrupted."""
    config, data = job.config, job.dataset
    if job.resume and (job.run / CONFIG).exists():
        job.require_own_configuration()
    if not (job.resume and (job.run / ORIGIN).exists()):
        job.write(ORIGIN, provenance.origin(datetime.now(UTC)))
    job.write(CONFIG, config.as_json())
    examples = fit.Examples(
        frames=dataset.cached(data, *config.data.frame, config.preprocessing, job.cache),
        labels=data.labels,
        positions=job.split.train,
        validation_frames=job.frames(job.split.validation),
        validation_labels=data.labels[job.split.validation],
    )
    start = (
        releases.load(storage.open_store(job.store), config.start).model if config.start else None
    )
    network, history = fit.fit(config, examples, job.run, job.resume, start, job.team)
    if not job.team.is_chief:
        return
    network.save(job.run / MODEL)
    job.write(HISTORY, history)
    plots.curves(history, job.run / CURVES)


def judge(job: Job) -> None:
    """Evaluate the Keras model on validation and test."""
    job.require_own_configuration()
    network = keras.saving.load_model(job.run / MODEL, compile=False)
    evaluation = _evaluate(job, lambda frames: export.predict_keras(network, frames), KERAS_ANSWERS)
    job.write(EVALUATION, evaluation)
    print(evaluate.summary(evaluation))


def convert(job: Job) -> None:
    """Export to LiteRT, choose a variant, and evaluate it as what will be shipped.

    Only TensorFlow can; a model that was trained on another engine is exported by a process whose
    Keras runs on TensorFlow.
    """
    job.require_own_configuration()
    if keras.backend.backend() != EXPORTS:
        fresh = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, fresh, cluster.choose_engine, (EXPORTS,)) as pool:
            pool.submit(convert, job).result()
        return
    network = keras.saving.load_model(job.run / MODEL, compile=False)
    parts, seed = job.split, job.config.seed
    for_calibration = np.random.default_rng(seed).permutation(parts.train)
    chosen, variants, refused = export.export(
        network,
        job.frames(for_calibration[: export.CALIBRATION_IMAGES]),
        job.frames(parts.validation),
        job.dataset.labels[parts.validation],
    )
    export.save(variants, job.run / VARIANTS)
    evaluation = _evaluate(job, lambda frames: export.predict(chosen.data, frames), ANSWERS)
    table = [variant.row() for variant in variants]
    exported = {
        "model_sha256": hashlib.sha256((job.run / MODEL).read_bytes()).hexdigest(),
        "chosen": chosen.name,
        "variants": table,
        "refused": refused,
        **evaluation,
    }
    job.write(EXPORT, exported)
    matrix = evaluation["metrics"]["test"]["confusion_matrix"]
    plots.confusion(matrix, CLASSES, job.run / CONFUSION)
    print(evaluate.summary(evaluation))
    for row in table:
        print(("* " if row["name"] == chosen.name else "  ") + json.dumps(row))


def release(job: Job) -> str:
    """Publish the exported model; with ``promote`` make it the current one."""
    job.require_own_configuration()
    exported = job.read(EXPORT)
    archived = (job.run / MODEL).read_bytes()
    if exported["model_sha256"] != hashlib.sha256(archived).hexdigest():
        raise ValueError(f"{job.run} was trained again after its export; export it again")
    model = (job.run / VARIANTS / f"{exported['chosen']}.tflite").read_bytes()
    evidence = {name: (job.run / name).read_bytes() for name in EVIDENCE}
    document, files = manifest.assemble(
        job.config,
        job.dataset,
        job.split,
        exported,
        model,
        archived,
        evidence,
        origin=job.read(ORIGIN),
        version=job.version,
    )
    store = storage.open_store(job.store)
    version = publish.publish(store, document, files)
    print(f"published {version} to {job.store}")
    if job.promote:
        publish.promote(store, version, job.force)
        print(f"{version} is now the current version")
    return version


def _evaluate(job: Job, predict: evaluate.Predict, folder: str) -> dict[str, Any]:
    """Judge on validation and test; leave the answers for each image in ``folder``."""
    answers = {}
    (job.run / folder).mkdir(exist_ok=True)
    for part in ("validation", "test"):
        indices = getattr(job.split, part)
        answers[part] = evaluate.judge(predict, job.dataset, indices, job.config.preprocessing)
        path = job.run / folder / f"{part}.csv"
        predictions.write(job.dataset.subset(indices), answers[part].logits, path)
    trained_on = job.dataset.labels[job.split.train]
    shares = imbalance.class_shares(trained_on, len(CLASSES), power=1)
    return evaluate.evaluate(
        answers["validation"], answers["test"], shares=shares, seed=job.config.seed
    )
