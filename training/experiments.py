"""What is tried beside the journey, on a data set or a finished run; each prints what it found."""

from collections.abc import Mapping
from pathlib import Path

from . import artifacts
from .data import kinds
from .evaluation import leakage, ood_comparison, predictions
from .evaluation.evaluate import text
from .job import evaluate, split, train
from .workspace import Job


def follow_paper(jobs: Mapping[str, Job]) -> None:
    """Split, train and judge each of `leakage.RUNS` that is not made yet.

    ``jobs``, by name, share the folder of their runs and their data.
    """
    for name, job in jobs.items():
        print(f"\n{name}: {leakage.TITLES[name]}")
        if (job.run / artifacts.LEAKAGE).exists():
            job.require_own_training()
            continue
        split(job)
        train(job)
        evaluate(job)
    found = leakage.collect(job.run.parent, artifacts.LEAKAGE, job.ham10000.fingerprint)
    print(f"\n{leakage.table(found)}")


def compare_detectors(job: Job) -> None:
    """What detectors of several layers would accept and refuse, on the Keras model's features."""
    pictures = kinds.pictures(job.dataset, job.split, job.close_ups, job.config.seed)
    table = ood_comparison.compare(job.network(), pictures, job.config.preprocessing)
    for name, shares in table.items():
        print(f"| {name} | " + " | ".join(f"{share}" for share in shares.values()) + " |")


def compare_runs(first: Path, second: Path) -> None:
    """Two Keras models' balanced accuracy on validation, from the folders of their runs."""
    answers = Path(artifacts.KERAS_ANSWERS) / "validation.csv"
    compared = predictions.compare(first / answers, second / answers, seed=0)
    for name, figure in compared.items():
        print(f"{name:<12}{text(figure)}")
