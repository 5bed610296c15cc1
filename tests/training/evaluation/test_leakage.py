import dataclasses
from pathlib import Path

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

from training import config
from training.data import split
from training.data.dataset import Dataset
from training.evaluation import leakage

DATA = replace(config.load("smoke").data, by_lesion=False)


def remembering(dataset: Dataset, parts: split.Split) -> dict[str, np.ndarray]:
    """Logits of a model that is right only about lesions that it was trained on."""
    known = np.isin(dataset.lesions, dataset.lesions[parts.train])
    answer = np.where(known, dataset.labels, (dataset.labels + 1) % 7)
    return {part: np.eye(7)[answer[getattr(parts, part)]] for part in ("validation", "test")}


def test_memorized_lesions_are_told_from_generalization(drawn: Dataset) -> None:
    parts = split.make(drawn, DATA, seed=1)
    groups = leakage.measure(drawn, parts, remembering(drawn, parts), seed=0).groups
    assert "same_image" not in groups
    assert groups["same_lesion"].accuracy["value"] == 1
    assert groups["unseen"].accuracy["value"] == 0
    shared = groups["same_lesion"].images
    assert shared + groups["unseen"].images == groups["all"].images
    share = shared / groups["all"].images
    assert groups["all"].accuracy["value"] == pytest.approx(share, abs=1e-4)


def test_copies_are_counted_apart_from_other_photographs(drawn: Dataset) -> None:
    few = dataclasses.replace(drawn, records=drawn.records[3:])
    data = replace(DATA, oversample_first=True)
    parts = split.make(few, data, seed=2)
    found = leakage.measure(few, parts, remembering(few, parts), seed=0).groups
    held_out = np.concatenate([parts.validation, parts.test])
    assert found["all"].images == len(held_out)
    copies = np.isin(held_out, parts.train).sum()
    assert found["same_image"].images == copies > 0


def test_split_by_lesion_nothing_was_seen(drawn: Dataset) -> None:
    parts = split.make(drawn, replace(DATA, by_lesion=True), seed=1)
    groups = leakage.measure(drawn, parts, remembering(drawn, parts), seed=0).groups
    assert set(groups) == {"all", "unseen"}
    assert groups["unseen"] == groups["all"]
    table = leakage.table({"lesions": groups})
    assert table.count(leakage.TITLES["lesions"]) == 1


def test_runs_of_the_same_data_are_collected(drawn: Dataset, tmp_path: Path) -> None:
    parts = split.make(drawn, DATA, seed=1)
    found = leakage.measure(drawn, parts, remembering(drawn, parts), seed=0)
    for run, fingerprint in (("images", drawn.fingerprint), ("copies", "of other data")):
        folder = tmp_path / f"paper-{run}"
        folder.mkdir()
        changed = replace(found, fingerprint=fingerprint)
        (folder / "leakage.json").write_bytes(msgspec.json.encode(changed))
    collected = leakage.collect(tmp_path, "leakage.json", drawn.fingerprint)
    assert collected == {"images": found.groups}
    lines = leakage.table(collected).splitlines()
    assert lines[2] == "| the paper's claim | | 7 | 0.97 | not given |"
    assert lines[3].startswith("| images split at random, then oversampled: all held-out images |")
    assert len(lines) == 6


@pytest.mark.parametrize("run", sorted(leakage.RUNS))
def test_every_run_is_a_configuration_of_its_kind(run: str) -> None:
    settings = config.load("paper", leakage.RUNS[run])
    assert leakage.kind(settings.data) == run
    # All three trainings have about the same number of steps.
    training = settings.training
    epochs = training.head_epochs + sum(stage.epochs for stage in training.stages)
    images = 6705 * 7 if run == "copies" else 10015
    assert epochs * images == pytest.approx(50_000, rel=0.25)
