"""Checkpoints written after each epoch, from which an interrupted training resumes."""

from pathlib import Path

import keras
import msgspec
from msgspec import Struct

from . import cluster, mobilenet
from .cluster import Cluster

CHECKPOINT = "checkpoint"

# Figures of one epoch: its number as "epoch", and Keras's metrics by name.
Epoch = dict[str, int | float]


class State(Struct, frozen=True):
    """State in a checkpoint beside the weights and the optimizer."""

    epoch: int = 0  # the last saved epoch
    history: list[Epoch] = []


def saved(folder: Path, team: Cluster) -> State:
    """Return the state of the last checkpoint, or the initial state; the same on all workers."""
    cluster.copy_from_chief(team, folder, f"{CHECKPOINT}*")
    state = folder / f"{CHECKPOINT}.json"
    if not state.exists():
        return State()
    return msgspec.json.decode(state.read_bytes(), type=State)


def restore(network: keras.Model, folder: Path, epoch: int) -> None:
    """Load the weights and the optimizer saved after ``epoch``."""
    with cluster.apart():
        network.load_weights(folder / f"{CHECKPOINT}-{epoch}.weights.h5")


class Checkpoint(keras.callbacks.Callback):  # type: ignore[misc]
    """Adds each epoch to the history; the chief also saves weights, optimizer and history.

    Saving is atomic. The last epoch of a `fit` is saved at its end, after Keras has assigned the
    averaged weights, so that a resumed run continues from the same state as an uninterrupted one.
    """

    def __init__(self, folder: Path, last_epoch: int, history: list[Epoch], team: Cluster) -> None:
        super().__init__()
        self.folder, self.last_epoch, self.history, self.team = folder, last_epoch, history, team

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Seed dropout by the epoch."""
        # Keras does not save the state of dropout's random generator: seed it anew for each epoch.
        state = self.model.get_layer(mobilenet.DROPOUT).seed_generator.state
        state.assign([epoch, 0])

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Add the epoch to the history; save unless it is the last epoch."""
        figures = {name: float(value) for name, value in (logs or {}).items()}
        self.history.append({"epoch": epoch + 1, **figures})
        if epoch + 1 < self.last_epoch:
            self.team.on_chief(self._save)

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        """Save the last epoch, after the averaged weights were assigned."""
        self.team.on_chief(self._save)

    def _save(self) -> None:
        epoch = int(self.history[-1]["epoch"])
        weights = self.folder / f"{CHECKPOINT}-{epoch}.weights.h5"
        with cluster.apart():
            self.model.save_weights(weights)
        state = self.folder / f"{CHECKPOINT}.partial"
        state.write_bytes(msgspec.json.encode(State(epoch, self.history)))
        state.rename(self.folder / f"{CHECKPOINT}.json")
        for old in self.folder.glob(f"{CHECKPOINT}-*.weights.h5"):
            if old != weights:
                old.unlink()
