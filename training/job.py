"""The journey of a model, from a data set to a release in object storage.

Each stage takes what the ones before it left in the run's folder and leaves its own result there,
so that it can also be run alone.
"""

import dataclasses
import hashlib
import json
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import keras
import numpy as np

from lesionlens import release as releases
from lesionlens import storage
from lesionlens.classifier import Classifier
from lesionlens.manifest import DETECTOR, parse_manifest
from lesionlens.manifest import MODEL as SERVED
from lesionlens.preprocess import Preprocessing
from lesionlens.release import Release

from . import (
    cluster,
    dataset,
    detectors,
    evaluate,
    evidence,
    export,
    fit,
    foreign,
    labelled,
    manifest,
    paper,
    plots,
    predictions,
    provenance,
    publish,
    safeguards,
    source,
    split,
)
from .cluster import ALONE, Cluster
from .config import Config
from .dataset import CLASSES, Dataset
from .split import Split

CONFIG, ORIGIN, SPLIT = "config.json", "origin.json", "split.json"
MODEL, HISTORY = "model.keras", "history.json"
EVALUATION, EXPORT, SAFEGUARDS = "evaluation.json", "export.json", "safeguards.json"
FOUND, ELSEWHERE, LEAKAGE = "evidence.json", "elsewhere.json", "leakage.json"
VARIANTS = "variants"
DISTRIBUTION, CURVES, CONFUSION, ROC, RELIABILITY = (
    f"figures/{name}.png" for name in ("distribution", "curves", "confusion", "roc", "reliability")
)
# What is published beside the model, and what the model card shows.
EVIDENCE = (DISTRIBUTION, CURVES, CONFUSION, ROC, RELIABILITY, HISTORY)
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
    safeguard(job)
    prove(job)
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
        validation_frames=data.frames(job.split.validation, config.preprocessing),
        validation_labels=data.labels[job.split.validation],
    )
    start = None
    if config.start:
        start = releases.load(storage.open_store(job.store), config.start).files[SERVED]
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
    evaluation = evaluate.evaluate(
        lambda frames: export.predict_keras(network, frames),
        job.dataset,
        job.split,
        job.config.preprocessing,
        job.config.seed,
        job.run / KERAS_ANSWERS,
    )
    job.write(EVALUATION, evaluation)
    print(evaluate.summary(evaluation))
    leakage = _leakage(job)
    job.write(LEAKAGE, leakage)
    if not job.config.data.by_lesion:
        found = {paper.kind(job.config.data): leakage["groups"]}
        print(f"\nWhat is left of it, without calibration:\n\n{paper.table(found)}")


def follow_paper(job: Job) -> None:
    """Split, train and judge one of `paper.RUNS`, unless that is done."""
    if (job.run / LEAKAGE).exists():
        job.require_own_configuration()
        return
    divide(job)
    train(job)
    judge(job)


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
    preprocessing = job.config.preprocessing
    images = {}
    for size in job.config.export_sizes or (preprocessing.size,):
        taken = dataclasses.replace(preprocessing, size=size)
        images[size] = export.Images(
            job.dataset.frames(for_calibration[: export.CALIBRATION_IMAGES], taken),
            job.dataset.frames(parts.validation, taken),
        )
    labels = job.dataset.labels[parts.validation]
    chosen, variants, refused = export.export(network, images, labels)
    export.save(variants, job.run / VARIANTS)
    served = dataclasses.replace(preprocessing, size=chosen.size)
    evaluation = evaluate.evaluate(
        lambda frames: export.predict(chosen.data, frames),
        job.dataset,
        parts,
        served,
        seed,
        job.run / ANSWERS,
    )
    table = [variant.row() for variant in variants]
    exported = {
        "model_sha256": hashlib.sha256((job.run / MODEL).read_bytes()).hexdigest(),
        "chosen": chosen.name,
        "variants": table,
        "refused": refused,
        "measured_on": provenance.processor(),
        **evaluation,
    }
    job.write(EXPORT, exported)
    matrix = evaluation["metrics"]["test"]["confusion_matrix"]
    plots.confusion(matrix, CLASSES, job.run / CONFUSION)
    print(evaluate.summary(evaluation))
    for row in table:
        print(("* " if row["name"] == chosen.name else "  ") + json.dumps(row))


def safeguard(job: Job) -> None:
    """Fit the detector of foreign images; measure it, the quality limits, and several views."""
    job.require_own_configuration()
    chosen = job.read(EXPORT)["chosen"]
    model = (job.run / VARIANTS / f"{chosen}.tflite").read_bytes()
    subject = safeguards.Subject(model, _served(job), job.dataset, job.split, job.config.seed)
    found, fitted = safeguards.measure(subject)
    (job.run / DETECTOR).write_bytes(fitted)
    job.write(SAFEGUARDS, {"chosen": chosen, **found})
    print(safeguards.summary(found))


def compare_detectors(job: Job) -> None:
    """Print what several detectors would catch, on the Keras model's features."""
    data, preprocessing = job.dataset, job.config.preprocessing
    chosen = safeguards.fitted_to(job.split, job.config.seed)
    pictures = list(foreign.pictures(job.config.seed))
    table = detectors.compare(
        keras.saving.load_model(job.run / MODEL, compile=False),
        data.frames(chosen, preprocessing),
        data.frames(job.split.validation, preprocessing),
        pictures,
        foreign.frames(pictures, preprocessing),
    )
    for name, shares in table.items():
        print(f"| {name} | " + " | ".join(f"{share:.3f}" for share in shares.values()) + " |")


def prove(job: Job) -> None:
    """Measure the exported model, as served, for what the model card shows beside the metrics."""
    records = job.dataset.subset(job.split.test)
    found = evidence.gather(_classifier(job), records, job.config.seed)
    plots.roc(found["roc"], job.run / ROC)
    plots.reliability(found["calibration"], job.run / RELIABILITY)
    job.write(FOUND, found)
    print(evidence.summary(found))


def judge_elsewhere(job: Job, images: Path, labels: Path) -> None:
    """Judge the exported model on a labelled set of any origin; the model card will show it."""
    judgement = labelled.judge(_classifier(job), images, labels, job.config.seed)
    judgement.write(job.run / ELSEWHERE)
    print(judgement.table())


def release(job: Job) -> str:
    """Publish the exported model; with ``promote`` make it the current one."""
    described, served, archived = _exported(job)
    document, files = manifest.assemble(
        described,
        _found(job, described),
        {**served, manifest.ARCHIVED: archived},
        beside={name: (job.run / name).read_bytes() for name in EVIDENCE},
    )
    store = storage.open_store(job.store)
    version = publish.publish(store, document, files)
    print(f"published {version} to {job.store}")
    if job.promote:
        publish.promote(store, version, job.force)
        print(f"{version} is now the current version")
    return version


def _served(job: Job) -> Preprocessing:
    """As configured, at the size of the exported model."""
    exported = job.read(EXPORT)
    size = next(row["size"] for row in exported["variants"] if row["name"] == exported["chosen"])
    return dataclasses.replace(job.config.preprocessing, size=size)


def _exported(job: Job) -> tuple[dict[str, Any], dict[str, bytes], bytes]:
    """The manifest so far, the files that serving reads, and the Keras model behind them."""
    job.require_own_configuration()
    exported = job.read(EXPORT)
    archived = (job.run / MODEL).read_bytes()
    if exported["model_sha256"] != hashlib.sha256(archived).hexdigest():
        raise ValueError(f"{job.run} was trained again after its export; export it again")
    guarded = job.read(SAFEGUARDS)
    if guarded.pop("chosen") != exported["chosen"]:
        raise ValueError(f"{job.run} was exported anew; run the stage safeguard again")
    served = {
        SERVED: (job.run / VARIANTS / f"{exported['chosen']}.tflite").read_bytes(),
        DETECTOR: (job.run / DETECTOR).read_bytes(),
    }
    described = manifest.describe_model(
        job.config,
        _served(job),
        job.dataset,
        job.split,
        {**exported, **guarded},
        served,
        archived,
        origin=job.read(ORIGIN),
        version=job.version,
    )
    return described, served, archived


def _classifier(job: Job) -> Classifier:
    """The exported model as serving would run it."""
    described, served, _ = _exported(job)
    return Classifier(Release(parse_manifest(described), served), os.cpu_count() or 1)


def _found(job: Job, described: dict[str, Any]) -> dict[str, Any]:
    """What the evidence stage found, and what was found elsewhere, of the described model."""
    if not (job.run / FOUND).exists():
        raise ValueError(f"{job.run} has no {FOUND}; run the stage evidence")
    found: dict[str, Any] = job.read(FOUND)
    if (job.run / ELSEWHERE).exists():
        found["elsewhere"] = job.read(ELSEWHERE)
    found["paper"] = paper.collect(job.run.parent, LEAKAGE, job.dataset.fingerprint)
    for name, part in ((FOUND, found), (ELSEWHERE, found.get("elsewhere", found))):
        if part["model_sha256"] != described["files"][SERVED]["sha256"]:
            raise ValueError(f"{job.run / name} is of another export; measure it again")
    return found


def _leakage(job: Job) -> dict[str, Any]:
    """The Keras model's figures by what of the held-out images stands in the training part."""
    held_out = {
        part: predictions.read(job.run / KERAS_ANSWERS / f"{part}.csv")[1].logits
        for part in split.HELD_OUT
    }
    return paper.judge(job.dataset, job.split, held_out, job.config.seed)
