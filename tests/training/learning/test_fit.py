import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from tests.conftest import RELEASES
from training import config
from training.learning import fit, mobilenet
from training.learning.batches import Examples
from training.learning.callbacks import Checkpoint

# One epoch of the head alone, one at the first size, two at the second, each of two steps.
SMOKE = config.load("smoke")
CONFIG = replace(SMOKE, training=replace(SMOKE.training, batch=32))


History = list[dict[str, float]]


class Killed(Exception):
    pass


def trained(
    examples: Examples, run: Path, resume: bool = False
) -> tuple[list[np.ndarray], History]:
    run.mkdir(exist_ok=True)
    network, history = fit.fit(CONFIG, examples, run, resume)
    return network.get_weights(), history


@dataclasses.dataclass(frozen=True)
class Run:
    folder: Path
    weights: list[np.ndarray]
    history: History


@pytest.fixture(scope="module")
def uninterrupted(examples: Examples, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("uninterrupted")
    # Without --resume, checkpoints of an earlier run are ignored.
    (folder / "checkpoint.json").write_text("no checkpoint")
    return Run(folder, *trained(examples, folder))


def test_history_names_every_epoch(uninterrupted: Run) -> None:
    history = uninterrupted.history
    assert [entry["epoch"] for entry in history] == [1, 2, 3, 4]
    for name in ("loss", "log_loss", "balanced_accuracy", "log_loss/here", "log_loss/there"):
        assert np.isfinite([entry[name] for entry in history]).all()
        assert np.isfinite([entry[f"val_{name}"] for entry in history]).all()


# At the end of a stage and within one.
@pytest.mark.parametrize("epoch", [pytest.param(2, marks=pytest.mark.slow), 3])
def test_a_resumed_run_ends_like_an_uninterrupted_one(
    examples: Examples,
    uninterrupted: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    epoch: int,
) -> None:
    save = Checkpoint._save

    def save_and_die(self: Checkpoint) -> None:
        save(self)
        if self.history[-1]["epoch"] == epoch:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "_save", save_and_die)
        with pytest.raises(Killed):
            trained(examples, tmp_path)
    weights, history = trained(examples, tmp_path, resume=True)
    assert history == uninterrupted.history
    for found, expected in zip(weights, uninterrupted.weights, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_finished_run_is_resumed_without_training(examples: Examples, uninterrupted: Run) -> None:
    weights, history = trained(examples, uninterrupted.folder, resume=True)
    assert history == uninterrupted.history
    for found, expected in zip(weights, uninterrupted.weights, strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.slow
def test_compiled_steps_do_what_eager_ones_do(
    examples: Examples, uninterrupted: Run, tmp_path: Path
) -> None:
    """Real trainings are compiled; the other tests avoid the minutes of tracing."""
    compiled = replace(CONFIG.training, run_eagerly=False, stages=CONFIG.training.stages[:1])
    _, history = fit.fit(replace(CONFIG, training=compiled), examples, tmp_path, False)
    # The head's epoch does not depend on the stages, and dropout has its own random generator.
    for name, value in history[0].items():
        assert value == pytest.approx(uninterrupted.history[0][name], rel=1e-3), name


def test_one_checkpoint_is_kept(uninterrupted: Run) -> None:
    kept = [path.name for path in uninterrupted.folder.glob("checkpoint-*")]
    assert kept == ["checkpoint-4.weights.h5"]


def test_batch_normalization_can_be_frozen(examples: Examples, tmp_path: Path) -> None:
    frozen = replace(CONFIG.training, freeze_batch_normalization=True)
    short = replace(frozen, stages=frozen.stages[:1])
    network, _ = fit.fit(replace(CONFIG, training=short), examples, tmp_path, False)
    moving = network.get_layer("backbone").get_layer("conv1_bn").moving_mean.numpy()
    assert (moving == 0).all()


def test_a_training_learns_from_its_teachers(
    examples: Examples, uninterrupted: Run, tmp_path: Path
) -> None:
    model = (RELEASES / "20261127-108d1832" / "model.tflite").read_bytes()
    taught = replace(CONFIG.training, teacher_share=1.0, stages=CONFIG.training.stages[:1])
    _, history = fit.fit(
        replace(CONFIG, training=taught), examples, tmp_path, False, teachers=[model]
    )
    assert history[0]["val_loss"] != uninterrupted.history[0]["val_loss"]


@pytest.mark.parametrize("share", [0.0, 0.25])
def test_the_result_lies_between_the_start_and_the_end(
    examples: Examples, uninterrupted: Run, tmp_path: Path, share: float
) -> None:
    training = replace(CONFIG.training, start_share=share)
    start = mobilenet.build(7, CONFIG.width, 0.0, None, CONFIG.seed).get_weights()
    # Resuming a finished run trains nothing; only the final weights are computed again.
    shutil.copytree(uninterrupted.folder, tmp_path / "run")
    mixed = replace(CONFIG, training=training)
    network, _ = fit.fit(mixed, examples, tmp_path / "run", resume=True)
    for first, last, found in zip(start, uninterrupted.weights, network.get_weights(), strict=True):
        np.testing.assert_allclose(found, share * first + (1 - share) * last, atol=1e-6)
