"""One smoke run: every stage of training on drawn images, once for all tests that need it."""

from pathlib import Path

from training.__main__ import main

# Shorter still than the smoke configuration: one stage of one epoch, in two large batches. Without
# a compiled graph a step takes the same time whatever its batch.
STAGES = "training.stages=[{size=64, epochs=1}]"
SHORT = ("--config", "smoke", "--set", STAGES, "--set", "training.batch=42")


def options(made: Path, run: Path | None = None) -> tuple[str, ...]:
    """What a command is given to work on the run in the folder ``made``, or on its copy ``run``."""
    return (*SHORT, "--run", str(run or made / "run"), "--cache", str(made / "cache"))


def make(folder: Path) -> None:
    """Make a run, stage by stage, and publish it as v1 to a store beside it."""
    for stage in ("data", "split", "train", "evaluate", "export", "safeguard", "evidence"):
        assert main([stage, *options(folder)]) == 0, stage
    store = ("--store", (folder / "store").as_uri())
    assert main(["publish", *options(folder), *store, "--version", "v1", "--promote"]) == 0
