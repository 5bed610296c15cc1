"""``python -m training``: the stages of the journey, one command each, and the life of releases."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

# TensorFlow's greetings hide what this program says.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from lesionlens.release import ReleaseError
from lesionlens.storage import StorageError, open_store

from . import cluster, config, publish
from .dataset import DatasetError
from .publish import PublishError

HERE = Path(__file__).parent
STAGES = {
    "run": "all stages in order",
    "data": "read the data set; print and plot the distribution of its classes",
    "split": "split it by lesion into train, validation and test",
    "train": "train, or with --resume continue",
    "evaluate": "judge the trained model on validation and test",
    "export": "convert to LiteRT, choose a variant, judge it",
    "publish": "write the release to the store; with --promote make it the current one",
}
# What every worker of several does; the rest is the chief's.
SHARED = ("run", "data", "split", "train")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status."""
    options = _parser().parse_args(arguments)
    try:
        if options.command in STAGES:
            _run_stage(options)
        elif options.command == "compare":
            _compare(options.first, options.second)
        else:
            _manage(options)
    except (DatasetError, PublishError, ReleaseError, StorageError, ValueError, OSError) as error:
        print(f"python -m training {options.command}: {error}", file=sys.stderr)
        return 1
    return 0


def _run_stage(options: argparse.Namespace) -> None:
    # Imported here: TensorFlow takes seconds, and promote or list need none of it.
    from . import job

    settings = config.load(options.config, tuple(options.set))
    team = cluster.from_environment(os.environ)
    run, cache = options.run or HERE / "runs" / settings.name, options.cache
    if not team.is_chief:
        if options.command not in SHARED:
            return
        # What the workers hold is their own, even where they share a disk.
        run, cache = run / f"worker-{team.index}", cache / f"worker-{team.index}"
    run.mkdir(parents=True, exist_ok=True)
    work = job.Job(
        config=settings,
        data=options.data,
        run=run,
        cache=cache,
        store=options.store,
        resume=options.resume,
        promote=options.promote,
        force=options.force,
        version=options.version,
        team=team,
    )
    stages = {
        "run": job.run,
        "data": job.describe,
        "split": job.divide,
        "train": job.train,
        "evaluate": job.judge,
        "export": job.convert,
        "publish": job.release,
    }
    stages[options.command](work)


def _compare(first: Path, second: Path) -> None:
    from . import evaluate, job, predictions

    answers = Path(job.KERAS_ANSWERS) / "validation.csv"
    compared = predictions.compare(first / answers, second / answers, seed=0)
    for name, figure in compared.items():
        print(f"{name:<12}{evaluate.text(figure)}")


def _manage(options: argparse.Namespace) -> None:
    store = open_store(options.store)
    if options.command == "promote":
        publish.promote(store, options.version, options.force)
        print(f"{options.version} is now the current version")
    elif options.command == "rollback":
        print(f"{publish.rollback(store)} is now the current version")
    else:
        for listed in publish.list_releases(store):
            mark = "*" if listed.current else " "
            print(f"{mark} {listed.version:<24} {_described(listed)}")


def _described(listed: publish.Listed) -> str:
    if listed.manifest is None:
        return listed.problem
    accuracy = listed.manifest["metrics"]["test"]["balanced_accuracy"]["value"]
    return f"{listed.manifest['created']}  balanced accuracy {accuracy:.4f} on test"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    store = argparse.ArgumentParser(add_help=False)
    releases = (HERE / "releases").as_uri()
    store.add_argument(
        "--store", default=releases, help="gs://BUCKET/FOLDER or file:///FOLDER (%(default)s)"
    )
    forced = argparse.ArgumentParser(add_help=False)
    forced.add_argument("--force", action="store_true", help="promote even what is worse")
    for name, text in STAGES.items():
        stage = commands.add_parser(name, help=text, description=text, parents=[store, forced])
        stage.add_argument("--config", default="full", help="name in configs/ (%(default)s)")
        stage.add_argument(
            "--set", action="append", default=[], metavar="TABLE.KEY=VALUE", help="override it"
        )
        stage.add_argument("--data", help="folder or gs://BUCKET/FOLDER (default: HAM10000_DIR)")
        stage.add_argument("--run", type=Path, help="folder of the run (default: runs/CONFIG)")
        stage.add_argument("--cache", type=Path, default=HERE / "cache", help="(%(default)s)")
        stage.add_argument("--resume", action="store_true", help="continue a killed training")
        stage.add_argument("--promote", action="store_true", help="move the pointer to it")
        stage.add_argument("--version", help="name of the release (default: date and hash)")
    promote = commands.add_parser(
        "promote", help="make a version the current one", parents=[store, forced]
    )
    promote.add_argument("version")
    commands.add_parser("rollback", help="return to the version before", parents=[store])
    compare = commands.add_parser("compare", help="two runs' balanced accuracy on validation")
    compare.add_argument("first", type=Path, help="folder of a run")
    compare.add_argument("second", type=Path, help="folder of another, on the same split")
    commands.add_parser("list", help="show the releases; * marks the current", parents=[store])
    return parser


if __name__ == "__main__":
    sys.exit(main())
