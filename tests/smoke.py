"""The smoke run: every stage of the training job on synthetic images, once for all tests."""

from pathlib import Path

from training.__main__ import main

# Even shorter than the smoke configuration: one stage of one epoch in two large batches. Without a
# compiled graph the time of a step hardly depends on the batch size.
STAGES = "training.stages=[{size=64, epochs=1}]"
SHORT = ("--config", "smoke", "--set", STAGES, "--set", "training.batch=42")


def options(made: Path, run: Path | None = None) -> tuple[str, ...]:
    """Options for a command to use the run in the folder ``made``, or its copy ``run``."""
    return (*SHORT, "--run", str(run or made / "run"), "--cache", str(made / "cache"))


def make(folder: Path) -> None:
    """Run all stages in ``folder`` and publish the result as v1 to a store there."""
    for stage in ("data", "split", "train", "evaluate", "export", "safeguard", "evidence"):
        assert main([stage, *options(folder)]) == 0, stage
    store = ("--store", (folder / "store").as_uri())
    assert main(["publish", *options(folder), *store, "--version", "v1", "--promote"]) == 0
