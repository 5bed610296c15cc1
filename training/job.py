"""The journey of a model, from a data set to a release in object storage.

Each stage takes what the ones before it left in the run's folder (see `artifacts`) and leaves its
own result there, so that it can also be run alone.
"""

import dataclasses
import hashlib
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import keras
import msgspec
import numpy as np

from lesionlens.model import release as releases
from lesionlens.model import storage
from lesionlens.model.manifest import DETECTOR
from lesionlens.model.manifest import MODEL as SERVED
from lesionlens.model.manifest_sections import Export

from . import artifacts, workspace
from .data import dataset, decoding
from .data import split as splits
from .data.dataset import CLASSES
from .evaluation import analysis, external, guardrails, inference, leakage, plots, predictions
from .evaluation import evaluate as evaluation
from .learning import cluster, fit
from .learning.batches import Examples
from .releasing import build_manifest, on_device, provenance
from .releasing import export as conversion
from .releasing import publish as releasing
from .releasing.build_manifest import Exported
from .workspace import Job, TrainingRecord

# The Keras backend that LiteRT export needs.
EXPORT_BACKEND = "tensorflow"


def run(job: Job) -> str:
    """Make a release from a data set; return its version.

    Of several workers, only the chief gets past the training.
    """
    data(job)
    split(job)
    train(job)
    evaluate(job)
    export(job)
    safeguard(job)
    evidence(job)
    return publish(job)


def data(job: Job) -> None:
    """Read the data set, decode all of it, print and plot the distribution of its classes."""
    config = job.config
    decoding.cached(job.dataset, *config.data.frame, config.preprocessing, job.cache)
    counts = dataset.distribution(job.dataset)
    print(f"{'class':<8}{'images':>8}{'lesions':>9}")
    for label, (images, lesions) in counts.items():
        print(f"{label:<8}{images:>8}{lesions:>9}")
    plots.distribution(counts, job.run / artifacts.DISTRIBUTION)


def split(job: Job) -> None:
    """Split the data set by lesion and write the split out; a trained run keeps the one it has."""
    parts = splits.make(job.dataset, job.config.data, job.config.seed)
    if not job.has_training:
        splits.write(job.dataset, parts, job.run / artifacts.SPLIT)
    elif splits.differ(job.split, parts):
        raise ValueError(
            f"{job.run} was trained on another split, and would be judged on images that it has "
            "seen; give another --run"
        )
    for part in splits.PARTS:
        print(f"{part:<12}{len(getattr(parts, part)):>6} images")


def train(job: Job) -> None:
    """Train, or continue a training that was interrupted.

    Of several workers, only the chief returns; the others end their process (SystemExit).
    """
    config, images = job.config, job.dataset
    if job.resume and job.has_training:
        job.require_own_training()
    if not (job.resume and (job.run / artifacts.ORIGIN).exists()):
        job.write(artifacts.ORIGIN, provenance.origin(datetime.now(UTC)))
    job.write(artifacts.CONFIG, config.as_json())
    job.write(artifacts.TRAINING, TrainingRecord(split_sha256=job.split_sha256))
    examples = Examples(
        frames=decoding.cached(images, *config.data.frame, config.preprocessing, job.cache),
        labels=images.labels,
        positions=job.split.train,
        validation_frames=decoding.squares(
            images.subset(job.split.validation), config.preprocessing
        ),
        validation_labels=images.labels[job.split.validation],
        origins=images.origins,
        validation_origins=images.origins[job.split.validation],
    )
    start = None
    if config.start:
        start = releases.load_file(storage.open_store(job.store), config.start, SERVED)
    network, history = fit.fit(config, examples, job.run, job.resume, start, job.team)
    job.team.leave_to_chief()
    network.save(job.run / artifacts.MODEL)
    job.write(artifacts.HISTORY, history)
    plots.curves(history, job.run / artifacts.CURVES)


def evaluate(job: Job) -> None:
    """Evaluate the Keras model on validation and test."""
    job.require_own_training()
    network = job.network()
    found = evaluation.evaluate(
        lambda frames: inference.predict_keras(network, frames),
        job.dataset,
        job.split,
        job.config.preprocessing,
        job.config.seed,
        job.run / artifacts.KERAS_ANSWERS,
    )
    job.write(artifacts.EVALUATION, found)
    print(evaluation.summary(found.metrics))
    held_out = predictions.held_out(job.run / artifacts.KERAS_ANSWERS)
    leaked = leakage.judge(job.dataset, job.split, held_out, job.config.seed)
    job.write(artifacts.LEAKAGE, leaked)
    if not job.config.data.by_lesion:
        shown = {leakage.kind(job.config.data): leaked.groups}
        print(f"\nAccuracy by leakage group, uncalibrated:\n\n{leakage.table(shown)}")


def export(job: Job) -> None:
    """Export to LiteRT, choose a variant, and evaluate it as what will be shipped.

    LiteRT export needs the TensorFlow backend: a model that was trained on another is exported by a
    process of its own.
    """
    job.require_own_training()
    if keras.backend.backend() != EXPORT_BACKEND:
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, spawn, cluster.choose_engine, (EXPORT_BACKEND,)) as pool:
            pool.submit(export, job).result()
        return
    labels = job.dataset.labels[job.split.validation]
    images = _images_by_size(job)
    chosen, variants, refused = conversion.export(job.network(), images, labels)
    conversion.save(variants, job.run / artifacts.VARIANTS)
    served = dataclasses.replace(job.config.preprocessing, size=chosen.size)
    found = evaluation.evaluate(
        lambda frames: inference.predict(chosen.data, frames),
        job.dataset,
        job.split,
        served,
        job.config.seed,
        job.run / artifacts.ANSWERS,
    )
    table = tuple(variant.row() for variant in variants)
    in_browser = on_device.judge(chosen.data, images[chosen.size].validation)
    exported = Exported(
        model_sha256=hashlib.sha256((job.run / artifacts.MODEL).read_bytes()).hexdigest(),
        export=Export(chosen.name, table, refused, provenance.processor(), in_browser),
        evaluation=found,
    )
    job.write(artifacts.EXPORT, exported)
    matrix = found.metrics["test"].confusion_matrix
    plots.confusion(matrix, CLASSES, job.run / artifacts.CONFUSION)
    print(evaluation.summary(found.metrics))
    print(evaluation.flag_summary(found.malignancy))
    for row in table:
        mark = "* " if row.name == chosen.name else "  "
        print(mark + msgspec.json.encode(row).decode())
    print(f"in the browser: {in_browser}")


def _images_by_size(job: Job) -> dict[int, conversion.Images]:
    """What the variants of each input size are made and judged with."""
    chosen = np.random.default_rng(job.config.seed).permutation(job.split.train)
    for_quantization = chosen[: conversion.CALIBRATION_IMAGES]
    found = {}
    for size in job.config.export_sizes or (job.config.preprocessing.size,):
        preprocessing = dataclasses.replace(job.config.preprocessing, size=size)
        found[size] = conversion.Images(
            decoding.squares(job.dataset.subset(for_quantization), preprocessing),
            decoding.squares(job.dataset.subset(job.split.validation), preprocessing),
        )
    return found


def safeguard(job: Job) -> None:
    """Fit the detector of non-dermatoscopic images; measure it, quality limits and views."""
    model, preprocessing = workspace.variant(job)
    subject = guardrails.Subject(
        model, preprocessing, job.dataset, job.split, job.close_ups, job.config.seed
    )
    found, detector = guardrails.measure(subject)
    (job.run / DETECTOR).write_bytes(detector)
    job.write(artifacts.SAFEGUARDS, found)
    print(guardrails.summary(found))


def evidence(job: Job) -> None:
    """Measure the exported model, as served, for what the model card shows beside the metrics."""
    records = job.dataset.subset(job.split.test)
    classifier = workspace.shippable(job).classifier()
    found = analysis.gather(classifier, records, job.config.seed)
    plots.roc(found.roc, job.run / artifacts.ROC)
    plots.reliability(found.calibration, job.run / artifacts.RELIABILITY)
    job.write(artifacts.EVIDENCE, found)
    print(analysis.summary(found))


def evaluate_external(job: Job, images: Path, labels: Path) -> None:
    """Judge the exported model on a labelled set of any origin; the model card will show it."""
    classifier = workspace.shippable(job).classifier()
    found = external.judge(classifier, images, labels, job.config.seed)
    found.write(job.run / artifacts.ELSEWHERE)
    print(found.table())


def publish(job: Job) -> str:
    """Publish the exported model; with ``promote`` make it the current one."""
    shipped = workspace.shippable(job)
    manifest, contents = build_manifest.assemble(
        shipped.described,
        workspace.evidence(job, shipped.described),
        {**shipped.served, build_manifest.ARCHIVED: shipped.archived},
        beside={name: (job.run / name).read_bytes() for name in artifacts.PUBLISHED},
    )
    store = storage.open_store(job.store)
    version = releasing.publish(store, manifest, contents)
    print(f"published {version} to {job.store}")
    if job.promote:
        releasing.promote(store, version, job.force)
        print(f"{version} is now the current version")
    return version
