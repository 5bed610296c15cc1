"""Experiments on a data set or a finished run, beside the stages; each prints its result."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from . import artifacts
from .data import kinds
from .data.dataset import HAM10000
from .data.split import HELD_OUT
from .evaluation import (
    leakage,
    ood_comparison,
    predictions,
    served_predictions,
    several_pictures,
)
from .evaluation.evaluate import text
from .job import evaluate_model, split_data, train_model
from .workspace import Job


def follow_paper(jobs: Mapping[str, Job]) -> None:
    """Split, train and evaluate each of `leakage.RUNS` that is not finished yet.

    ``jobs``, by name, use the same data, and their runs are in one folder.
    """
    for name, job in jobs.items():
        print(f"\n{name}: {leakage.TITLES[name]}")
        if (job.run / artifacts.LEAKAGE).exists():
            job.require_own_training()
            continue
        split_data(job)
        train_model(job)
        evaluate_model(job)
    found = leakage.collect(job.run.parent, artifacts.LEAKAGE, job.ham10000.fingerprint)
    print(f"\n{leakage.table(found)}")


def compare_detectors(job: Job) -> None:
    """Compare out-of-distribution detectors on features of several layers of the Keras model."""
    pictures = kinds.pictures(job.dataset, job.split, job.close_ups, job.config.seed)
    table = ood_comparison.compare(job.network(), pictures, job.config.preprocessing)
    for name, shares in table.items():
        print(f"| {name} | " + " | ".join(f"{share}" for share in shares.values()) + " |")


def compare_pictures(job: Job) -> None:
    """Compare ways to flag a lesion with several pictures, on HAM10000's held-out parts.

    Elsewhere pictures of one group need not show one lesion. The release is the store's
    ``job.version``, or its current one.
    """
    indices = np.concatenate([getattr(job.split, part) for part in HELD_OUT])
    records = [r for r in job.dataset.subset(indices) if r.origin == HAM10000]
    classifier = served_predictions.released(job.store, job.version)
    answers = served_predictions.collect(classifier, records)
    lesions, malignant, found = several_pictures.compare(answers, seed=0)
    print(f"{lesions} lesions with several pictures, {malignant} of them malignant")
    for way, rates in found.items():
        print(f"{way:<26}" + "".join(f"  {name} {text(rates[name])}" for name in rates))


def compare_runs(first: Path, second: Path) -> None:
    """Compare two runs' log loss and balanced accuracy on validation; given are their folders."""
    answers = Path(artifacts.KERAS_PREDICTIONS) / "validation.csv"
    compared = predictions.compare(first / answers, second / answers, seed=0)
    for figure, found in compared.items():
        print(f"{figure}: " + "; ".join(f"{name} {text(value)}" for name, value in found.items()))
