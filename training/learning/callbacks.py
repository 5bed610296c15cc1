"""What every epoch leaves in the folder of a run, and how a killed run takes it up again."""

import json
from pathlib import Path
from typing import Any

import keras

from . import cluster, mobilenet
from .cluster import Cluster

CHECKPOINT = "checkpoint"


def saved(folder: Path, team: Cluster) -> tuple[int, list[dict[str, Any]]]:
    """The last epoch that was saved, or 0, and the history up to it; the same for all workers."""
    cluster.copy_from_chief(team, folder, f"{CHECKPOINT}*")
    state = folder / f"{CHECKPOINT}.json"
    if not state.exists():
        return 0, []
    document = json.loads(state.read_text())
    return document["epoch"], document["history"]


def restore(network: keras.Model, folder: Path, epoch: int) -> None:
    """Load weights and optimizer as they were saved after ``epoch``."""
    with cluster.apart():
        network.load_weights(folder / f"{CHECKPOINT}-{epoch}.weights.h5")


class Checkpoint(keras.callbacks.Callback):  # type: ignore[misc]
    """Saves weights, optimizer and history after every epoch, atomically, if this is the chief.

    The last epoch of a `fit` is saved at its very end, after Keras has put the averaged weights in
    place: a resumed run then continues from exactly what an uninterrupted one would have had.
    """

    def __init__(
        self, folder: Path, last_epoch: int, history: list[dict[str, Any]], is_chief: bool
    ) -> None:
        super().__init__()
        self.folder, self.last_epoch, self.history = folder, last_epoch, history
        self.is_chief = is_chief

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        # Keras does not save where the dropout's random stream stands: start one for each epoch.
        state = self.model.get_layer(mobilenet.DROPOUT).seed_generator.state
        state.assign([epoch, 0])

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        figures = {name: float(value) for name, value in (logs or {}).items()}
        self.history.append({"epoch": epoch + 1, **figures})
        if epoch + 1 < self.last_epoch:
            self._save()

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        self._save()

    def _save(self) -> None:
        if not self.is_chief:
            return
        epoch = self.history[-1]["epoch"]
        weights = self.folder / f"{CHECKPOINT}-{epoch}.weights.h5"
        with cluster.apart():
            self.model.save_weights(weights)
        state = self.folder / f"{CHECKPOINT}.partial"
        state.write_text(json.dumps({"epoch": epoch, "history": self.history}, indent=1))
        state.rename(self.folder / f"{CHECKPOINT}.json")
        for old in self.folder.glob(f"{CHECKPOINT}-*.weights.h5"):
            if old != weights:
                old.unlink()
