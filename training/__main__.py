"""``python -m training``: the stages of the training job, and the management of its releases."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

# TensorFlow's start-up messages would hide this program's output.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from lesionlens.model.manifest import ReleaseError
from lesionlens.model.object_store import StorageError
from lesionlens.model.release import current, read_manifest
from lesionlens.model.storage import open_store

from . import config
from .data.dataset import DatasetError
from .learning import cluster
from .releasing import publish
from .releasing.publish import PublishError

if TYPE_CHECKING:
    from .workspace import Job

HERE = Path(__file__).parent
README, EXPERIMENTS_TABLE = HERE / "README.md", HERE / "EXPERIMENTS.md"
STAGES = {
    "run": "all stages in order",
    "data": "read the data set; print and plot the distribution of its classes",
    "split": "split it by lesion into train, validation and test",
    "train": "train, or with --resume continue",
    "evaluate": "evaluate the trained model on validation and test, or on --images with --labels",
    "export": "convert to LiteRT, choose a variant, evaluate it",
    "safeguard": "fit the out-of-distribution detector; choose the image quality limits",
    "evidence": "measure calibration, subgroups and robustness for the model card",
    "publish": "write the release to the store; with --promote make it the current one",
}
EXPERIMENTS = {
    "detectors": "compare out-of-distribution detectors on the trained model's features",
    "paper": "train and evaluate with the paper's split and with a split by lesion",
    "pictures": "compare ways to combine several pictures of a lesion into one flag",
    "compare": "compare two runs' log loss and balanced accuracy on validation",
}
# Commands that several workers can run; the stages of run after train are the chief's alone.
DISTRIBUTED = ("run", "data", "split", "train")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status."""
    options = _parser().parse_args(arguments)
    try:
        if options.command == "evaluate" and (options.images or options.labels):
            _evaluate_labelled(options)
        elif options.command in STAGES:
            _run_stage(options)
        elif options.command in EXPERIMENTS:
            _experiment(options)
        else:
            _manage(options)
    except (DatasetError, PublishError, ReleaseError, StorageError, ValueError, OSError) as error:
        print(f"python -m training {options.command}: {error}", file=sys.stderr)
        return 1
    return 0


def _run_stage(options: argparse.Namespace) -> None:
    # Imported here: TensorFlow takes seconds to import, and promote or list do not need it.
    from . import job

    work = _job(options)
    stages = {
        "run": job.run,
        "data": job.read_data,
        "split": job.split_data,
        "train": job.train_model,
        "evaluate": job.evaluate_model,
        "export": job.export_model,
        "safeguard": job.safeguard_model,
        "evidence": job.gather_evidence,
        "publish": job.publish_release,
    }
    stages[options.command](work)


def _evaluate_labelled(options: argparse.Namespace) -> None:
    """Evaluate a release of the store, or the exported model of ``--run``, on labelled images."""
    if not (options.images and options.labels):
        raise ValueError("--images and --labels go together")
    if options.run:
        from . import job

        job.evaluate_external(_job(options), options.images, options.labels)
        return
    from .evaluation import external, served_predictions

    classifier = served_predictions.released(options.store, options.version)
    evaluation = external.evaluate(classifier, options.images, options.labels, seed=0)
    path = options.json or HERE / "runs" / f"{options.images.resolve().name}.json"
    evaluation.write(path)
    print(f"{evaluation.table()}\nwritten to {path}")


def _experiment(options: argparse.Namespace) -> None:
    from . import experiments
    from .evaluation import leakage

    if options.command == "detectors":
        experiments.compare_detectors(_job(options))
    elif options.command == "pictures":
        experiments.compare_pictures(_job(options))
    elif options.command == "compare":
        experiments.compare_runs(options.first, options.second)
    else:
        runs = options.run or HERE / "runs"
        jobs = {
            name: _job(options, runs / f"paper-{name}", overrides)
            for name, overrides in leakage.RUNS.items()
        }
        experiments.follow_paper(jobs)


def _job(
    options: argparse.Namespace, folder: Path | None = None, overrides: Sequence[str] = ()
) -> "Job":
    """``folder``: the run's folder, in place of ``--run`` or its default."""
    from .workspace import Job

    settings = config.load(options.config, (*overrides, *options.set))
    team = cluster.from_environment(os.environ)
    if team.workers > 1 and options.command not in DISTRIBUTED:
        accepted = ", ".join(DISTRIBUTED)
        raise ValueError(f"{team.workers} workers were started; accepted for several: {accepted}")
    run = team.own_folder(folder or options.run or HERE / "runs" / settings.name)
    run.mkdir(parents=True, exist_ok=True)
    return Job(
        config=settings,
        data=options.data,
        run=run,
        cache=team.own_folder(options.cache),
        store=options.store,
        resume=options.resume,
        promote=options.promote,
        force=options.force,
        version=options.version,
        team=team,
        archive=options.archive,
    )


def _manage(options: argparse.Namespace) -> None:
    store = open_store(options.store)
    if options.command == "promote":
        publish.promote(store, options.version, options.force)
        print(f"{options.version} is now the current version")
    elif options.command == "results":
        from .releasing import card

        shown = read_manifest(store, current(store))
        readable = [one.manifest for one in publish.list_releases(store) if one.manifest]
        written = {README: card.results(shown), EXPERIMENTS_TABLE: card.releases(readable)}
        for document, content in written.items():
            document.write_text(card.update(document.read_text(), content))
        print(f"{README.name} has the results of {shown.version}")
    elif options.command == "rollback":
        print(f"{publish.rollback(store)} is now the current version")
    else:
        for listed in publish.list_releases(store):
            mark = "*" if listed.current else " "
            print(f"{mark} {listed.version:<24} {_described(listed)}")


def _described(listed: publish.Listed) -> str:
    if listed.manifest is None:
        return listed.problem
    accuracy = listed.manifest.metrics["test"].balanced_accuracy["value"]
    return f"{listed.manifest.created}  balanced accuracy {accuracy:.4f} on test"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    store = argparse.ArgumentParser(add_help=False)
    releases = (HERE / "releases").as_uri()
    store.add_argument(
        "--store", default=releases, help="gs://BUCKET/FOLDER or file:///FOLDER (%(default)s)"
    )
    forced = argparse.ArgumentParser(add_help=False)
    forced.add_argument("--force", action="store_true", help="promote even a worse version")
    runs = {**STAGES, **{name: EXPERIMENTS[name] for name in ("detectors", "paper", "pictures")}}
    for name, text in runs.items():
        stage = commands.add_parser(name, help=text, description=text, parents=[store, forced])
        stage.add_argument("--config", default="full", help="name in configs/ (%(default)s)")
        stage.add_argument(
            "--set", action="append", default=[], metavar="TABLE.KEY=VALUE", help="override it"
        )
        stage.add_argument("--data", help="folder or gs://BUCKET/FOLDER (default: HAM10000_DIR)")
        stage.add_argument(
            "--archive", help="the same for images of other clinics (default: ISIC_ARCHIVE_DIR)"
        )
        stage.add_argument("--run", type=Path, help="folder of the run (default: runs/CONFIG)")
        stage.add_argument("--cache", type=Path, default=HERE / "cache", help="(%(default)s)")
        stage.add_argument("--resume", action="store_true", help="continue an interrupted training")
        stage.add_argument("--promote", action="store_true", help="make it the current version")
        stage.add_argument("--version", help="name of the release (default: day and hash)")
        if name == "evaluate":
            _add_labelled(stage)
        if name == "paper":
            # Runs that are finished are not repeated.
            stage.set_defaults(config="paper", resume=True)
    promote = commands.add_parser(
        "promote", help="make a version the current one", parents=[store, forced]
    )
    promote.add_argument("version")
    commands.add_parser(
        "results",
        help="write the releases' results into README.md and EXPERIMENTS.md",
        parents=[store],
    )
    commands.add_parser("rollback", help="return to the previous version", parents=[store])
    compare = commands.add_parser("compare", help=EXPERIMENTS["compare"])
    compare.add_argument("first", type=Path, help="folder of a run")
    compare.add_argument("second", type=Path, help="folder of another, on the same split")
    commands.add_parser("list", help="show the releases; * marks the current", parents=[store])
    return parser


def _add_labelled(evaluate: argparse.ArgumentParser) -> None:
    group = evaluate.add_argument_group(
        "a labelled set of any origin",
        "Evaluates the release --version (default: the current one) of --store as it is served; "
        "with --run, the exported model of that run, whose model card then shows the result.",
    )
    group.add_argument("--images", type=Path, help="folder of images")
    group.add_argument(
        "--labels", type=Path, metavar="CSV", help="with image_id, dx, and lesion_id if it is known"
    )
    group.add_argument("--json", type=Path, help="where to write (default: runs/FOLDER.json)")


if __name__ == "__main__":
    sys.exit(main())
