"""The stages of the training job, from a data set to a release in object storage.

Each stage reads the results of earlier stages from the run's folder (see `artifacts`) and writes
its own there, so that it can also be run by itself.
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

from lesionlens.model import release, storage
from lesionlens.model.manifest import DETECTOR, MODEL
from lesionlens.model.manifest_sections import Export

from . import artifacts, workspace
from .data import dataset, decoding, split
from .data.dataset import CLASSES
from .evaluation import (
    analysis,
    evaluate,
    external,
    guardrails,
    inference,
    leakage,
    plots,
    predictions,
)
from .learning import cluster, fit
from .learning.batches import Examples
from .releasing import build_manifest, export, on_device, provenance, publish
from .releasing.build_manifest import Exported
from .workspace import Job, TrainingRecord

# The Keras backend that the export to LiteRT requires.
EXPORT_BACKEND = "tensorflow"


def run(job: Job) -> str:
    """Run all stages; return the version of the published release.

    Of several workers, only the chief continues after the training.
    """
    read_data(job)
    split_data(job)
    train_model(job)
    evaluate_model(job)
    export_model(job)
    safeguard_model(job)
    gather_evidence(job)
    return publish_release(job)


def read_data(job: Job) -> None:
    """Read and decode the data set; print and plot the distribution of its classes."""
    config = job.config
    decoding.cached(job.dataset, *config.data.frame, config.preprocessing, job.cache)
    job.team.on_chief(lambda: _show_distribution(job))


def _show_distribution(job: Job) -> None:
    counts = dataset.distribution(job.dataset)
    print(f"{'class':<8}{'images':>8}{'lesions':>9}")
    for label, (images, lesions) in counts.items():
        print(f"{label:<8}{images:>8}{lesions:>9}")
    plots.distribution(counts, job.run / artifacts.DISTRIBUTION)


def split_data(job: Job) -> None:
    """Split the data set and write the split.

    Raises ValueError if the run was trained on another split.
    """
    parts = split.make(job.dataset, job.config.data, job.config.seed)
    if not job.has_training:
        split.write(job.dataset, parts, job.run / artifacts.SPLIT)
    elif split.differ(job.split, parts):
        raise ValueError(
            f"{job.run} was trained on another split, and would be judged on images that it has "
            "seen; give another --run"
        )
    sizes = "\n".join(f"{part:<12}{len(getattr(parts, part)):>6} images" for part in split.PARTS)
    job.team.on_chief(lambda: print(sizes))


def train_model(job: Job) -> None:
    """Train, or continue an interrupted training.

    Of several workers, only the chief returns; the others end their process (SystemExit).
    """
    config, images = job.config, job.dataset
    if job.resume and job.has_training:
        job.require_own_training()
    # A resumed run keeps the record of its first start.
    if not (job.resume and (job.run / artifacts.PROVENANCE).exists()):
        job.write(artifacts.PROVENANCE, provenance.origin(datetime.now(UTC)))
    job.write(artifacts.CONFIG, config.as_json())
    job.write(artifacts.TRAINING, TrainingRecord(split_sha256=job.split_sha256))
    examples = Examples(
        frames=decoding.cached(images, *config.data.frame, config.preprocessing, job.cache),
        labels=images.labels,
        positions=job.split.train,
        validation_frames=decoding.model_inputs(
            images.subset(job.split.validation), config.preprocessing
        ),
        validation_labels=images.labels[job.split.validation],
        origins=images.origins,
        validation_origins=images.origins[job.split.validation],
    )
    start = _model(job, config.start) if config.start else None
    teachers = [_model(job, version) for version in config.teachers]
    network, history = fit.fit(config, examples, job.run, job.resume, start, job.team, teachers)
    job.team.exit_unless_chief()
    network.save(job.run / artifacts.MODEL)
    job.write(artifacts.HISTORY, history)
    plots.curves(history, job.run / artifacts.CURVES)


def _model(job: Job, version: str) -> bytes:
    """The LiteRT model of a release of the store."""
    return release.load_file(storage.open_store(job.store), version, MODEL)


def evaluate_model(job: Job) -> None:
    """Evaluate the Keras model on validation and test."""
    job.require_own_training()
    network = job.network()
    evaluation = evaluate.evaluate(
        lambda frames: inference.predict_keras(network, frames),
        job.dataset,
        job.split,
        job.config.preprocessing,
        job.config.seed,
        job.run / artifacts.KERAS_PREDICTIONS,
    )
    job.write(artifacts.EVALUATION, evaluation)
    print(evaluate.summary(evaluation.metrics))
    held_out = predictions.held_out(job.run / artifacts.KERAS_PREDICTIONS)
    leaked = leakage.measure(job.dataset, job.split, held_out, job.config.seed)
    job.write(artifacts.LEAKAGE, leaked)
    if not job.config.data.by_lesion:
        shown = {leakage.kind(job.config.data): leaked.groups}
        print(f"\nAccuracy by leakage group, uncalibrated:\n\n{leakage.table(shown)}")


def export_model(job: Job) -> None:
    """Export to LiteRT, choose the variant to ship, and evaluate it.

    The export requires Keras's TensorFlow backend: with another backend, a new process exports.
    """
    job.require_own_training()
    if keras.backend.backend() != EXPORT_BACKEND:
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, spawn, cluster.choose_engine, (EXPORT_BACKEND,)) as pool:
            pool.submit(export_model, job).result()
        return
    labels = job.dataset.labels[job.split.validation]
    images = _images_by_size(job)
    chosen, variants, refused = export.export(job.network(), images, labels)
    export.save(variants, job.run / artifacts.VARIANTS)
    served = dataclasses.replace(job.config.preprocessing, size=chosen.size)
    evaluation = evaluate.evaluate(
        lambda frames: inference.predict(chosen.data, frames),
        job.dataset,
        job.split,
        served,
        job.config.seed,
        job.run / artifacts.PREDICTIONS,
    )
    table = tuple(variant.row() for variant in variants)
    in_browser = on_device.check(chosen.data, images[chosen.size].validation)
    exported = Exported(
        model_sha256=hashlib.sha256((job.run / artifacts.MODEL).read_bytes()).hexdigest(),
        export=Export(chosen.name, table, refused, provenance.processor(), in_browser),
        evaluation=evaluation,
    )
    job.write(artifacts.EXPORT, exported)
    matrix = evaluation.metrics["test"].confusion_matrix
    plots.confusion(matrix, CLASSES, job.run / artifacts.CONFUSION)
    print(evaluate.summary(evaluation.metrics))
    print(evaluate.flag_summary(evaluation.malignancy))
    for row in table:
        mark = "* " if row.name == chosen.name else "  "
        print(mark + msgspec.json.encode(row).decode())
    print(f"in the browser: {in_browser}")


def _images_by_size(job: Job) -> dict[int, export.Images]:
    """By input size, the images with which variants are quantized and compared."""
    shuffled = np.random.default_rng(job.config.seed).permutation(job.split.train)
    for_quantization = shuffled[: export.QUANTIZATION_IMAGES]
    images = {}
    for size in job.config.export_sizes or (job.config.preprocessing.size,):
        preprocessing = dataclasses.replace(job.config.preprocessing, size=size)
        images[size] = export.Images(
            decoding.model_inputs(job.dataset.subset(for_quantization), preprocessing),
            decoding.model_inputs(job.dataset.subset(job.split.validation), preprocessing),
        )
    return images


def safeguard_model(job: Job) -> None:
    """Fit the out-of-distribution detector; choose quality limits; measure these and `views`."""
    model, preprocessing = workspace.variant(job)
    calibration = job.read(artifacts.EXPORT, Exported).evaluation.calibration
    subject = guardrails.Subject(
        model,
        preprocessing,
        job.dataset,
        job.split,
        job.close_ups,
        calibration,
        job.config.seed,
    )
    safeguards, detector = guardrails.measure(subject)
    (job.run / DETECTOR).write_bytes(detector)
    job.write(artifacts.SAFEGUARDS, safeguards)
    print(guardrails.summary(safeguards))


def gather_evidence(job: Job) -> None:
    """Measure the exported model, run as in serving, for the model card."""
    records = job.dataset.subset(job.split.test)
    classifier = workspace.shippable(job).classifier()
    evidence = analysis.gather(classifier, records, job.config.seed)
    plots.roc(evidence.roc, job.run / artifacts.ROC)
    plots.reliability(evidence.calibration, job.run / artifacts.RELIABILITY)
    job.write(artifacts.EVIDENCE, evidence)
    print(analysis.summary(evidence))


def evaluate_external(job: Job, images: Path, labels: Path) -> None:
    """Evaluate the exported model on an external labelled set, for the model card."""
    classifier = workspace.shippable(job).classifier()
    evaluation = external.evaluate(classifier, images, labels, job.config.seed)
    evaluation.write(job.run / artifacts.EXTERNAL)
    print(evaluation.table())


def publish_release(job: Job) -> str:
    """Publish the exported model; with ``promote`` make it the current release."""
    shipped = workspace.shippable(job)
    manifest, contents = build_manifest.assemble(
        shipped.described,
        workspace.evidence(job, shipped.described),
        {**shipped.served, build_manifest.ARCHIVED: shipped.archived},
        beside={name: (job.run / name).read_bytes() for name in artifacts.PUBLISHED},
    )
    store = storage.open_store(job.store)
    version = publish.publish(store, manifest, contents)
    print(f"published {version} to {job.store}")
    if job.promote:
        publish.promote(store, version, job.force)
        print(f"{version} is now the current version")
    return version
