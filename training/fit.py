"""Training proper: the head first, then the whole network, at growing sizes, resumable."""

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

from . import cluster, imbalance, model, warmstart
from .augment import augment, mix
from .cluster import ALONE, Cluster
from .config import Config
from .dataset import CLASSES
from .metrics import KerasBalancedAccuracy

CHECKPOINT = "checkpoint"
# Names of the weights that weight decay leaves alone.
UNDECAYED = ["gamma", "beta", "bias"]
# From which a network that starts from a release learns what its normalizations will see.
STATISTICS_BATCHES = 8


@dataclass(frozen=True)
class Examples:
    """Frames (N, H, W, 3) uint8 and labels (N,) to train on, with their validation images."""

    frames: NDArray[np.uint8]
    labels: NDArray[np.int64]
    positions: NDArray[np.int64]  # of the training part
    validation_frames: NDArray[np.uint8]  # (V, S, S, 3), as serving would see them
    validation_labels: NDArray[np.int64]


@dataclass(frozen=True)
class Leg:
    """Consecutive epochs, ``first`` to before ``last``, that share a size and an optimizer."""

    size: int
    first: int
    last: int
    head_only: bool


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """The augmented batches of one stage; what a batch holds depends on seed, epoch and index.

    A worker of several gets its share of each.
    """

    def __init__(
        self, examples: Examples, config: Config, size: int, epoch: int, team: Cluster = ALONE
    ) -> None:
        super().__init__()
        self.examples, self.config, self.size = examples, config, size
        self.rows = team.rows(config.training.batch)
        labels = examples.labels[examples.positions]
        self.shares = imbalance.class_shares(labels, len(CLASSES), config.training.sampling_power)
        self._start(epoch)

    def _start(self, epoch: int) -> None:
        self.epoch = epoch
        random = np.random.default_rng((self.config.seed, epoch))
        positions = self.examples.positions
        labels = self.examples.labels[positions]
        drawn = imbalance.draw_epoch(labels, self.shares, len(positions), random)
        self.order = positions[drawn]

    def on_epoch_end(self) -> None:
        self._start(self.epoch + 1)

    def __len__(self) -> int:
        return len(self.examples.positions) // self.config.training.batch

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        random = np.random.default_rng((self.config.seed, self.epoch, index))
        batch = self.config.training.batch
        chosen = self.order[index * batch : (index + 1) * batch]
        settings = self.config.augmentation
        images = [augment(self.examples.frames[i], self.size, settings, random) for i in chosen]
        mixed, labels = mix(
            np.stack(images), _one_hot(self.examples.labels[chosen]), settings, random
        )
        return mixed[self.rows], labels[self.rows]


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
        state = self.model.get_layer(model.DROPOUT).seed_generator.state
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


class TensorBoard(keras.callbacks.Callback):  # type: ignore[misc]
    """Writes the figures of every epoch for TensorBoard; Keras's own callback needs TensorFlow."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        # TensorBoard reads all files of a folder: a resumed run, or a new stage, has one more.
        self.name = f"events.out.tfevents.{time.time_ns()}"

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        figures = logs or {}
        validation = {name for name in figures if name.startswith("val_")}
        for part, names in (("train", figures.keys() - validation), ("validation", validation)):
            values = [
                Summary.Value(tag=f"epoch_{name.removeprefix('val_')}", simple_value=figures[name])
                for name in sorted(names)
            ]
            self._write(part, Event(step=epoch, summary=Summary(value=values)))

    def _write(self, part: str, event: Event) -> None:
        path = self.folder / part / self.name
        path.parent.mkdir(parents=True, exist_ok=True)
        events = [event] if path.exists() else [Event(file_version="brain.Event:2"), event]
        with path.open("ab") as file:
            for each in events:
                each.wall_time = time.time()
                RecordWriter(file).write(each.SerializeToString())


def fit(
    config: Config,
    examples: Examples,
    run: Path,
    resume: bool,
    start: bytes | None = None,
    team: Cluster = ALONE,
) -> tuple[keras.Model, list[dict[str, Any]]]:
    """Train as configured; return the model with its averaged weights, and the history by epoch.

    ``run`` receives the checkpoints and TensorBoard's logs. With ``resume`` a run that was killed
    continues after its last finished epoch and ends as if it had not been. ``start`` is the LiteRT
    model to start from. Each worker of a ``team`` trains on its share of every batch, and ends with
    the same weights; the chief alone writes.
    """
    with cluster.joined(team) as devices:
        if config.training.batch % devices:
            raise ValueError(
                f"training.batch is {config.training.batch}; accepted is a multiple of the "
                f"{devices} devices that share it"
            )
        if start and devices > 1:
            raise ValueError("a training that starts from a release can have one device only")
        return _fit(config, examples, run, resume, start, team, devices)


def _fit(
    config: Config,
    examples: Examples,
    run: Path,
    resume: bool,
    start: bytes | None,
    team: Cluster,
    devices: int,
) -> tuple[keras.Model, list[dict[str, Any]]]:
    keras.utils.set_random_seed(config.seed)
    weights = model.imagenet_weights() if config.imagenet_weights else None
    network = model.build(len(CLASSES), config.width, config.training.dropout, weights)
    history: list[dict[str, Any]] = []
    state = run / f"{CHECKPOINT}.json"
    done = 0
    if resume:
        cluster.copy_from_chief(team, run, f"{CHECKPOINT}*")
    if resume and state.exists():
        saved = json.loads(state.read_text())
        done, history = saved["epoch"], saved["history"]
    if start:
        batches = Batches(examples, config, config.training.stages[0].size, epoch=0)
        some = (batches[index][0] for index in range(min(STATISTICS_BATCHES, len(batches))))
        warmstart.restore(network, start, some)
    begun = network.get_weights()

    head_only = None
    for leg in _legs(config):
        if leg.last < done:
            continue
        if head_only is not leg.head_only:
            _compile(network, config, examples, leg)
            head_only = leg.head_only
        if leg.first < done:
            with cluster.apart():
                network.load_weights(run / f"{CHECKPOINT}-{done}.weights.h5")
        if done < leg.last:
            validation = _validation(examples, config.training.batch, devices, team)
            first = max(leg.first, done)
            _fit_leg(network, config, examples, leg, first, run, history, validation, team)
    if share := config.training.start_share:
        pairs = zip(begun, network.get_weights(), strict=True)
        network.set_weights([share * first + (1 - share) * last for first, last in pairs])
    return network, history


def _legs(config: Config) -> list[Leg]:
    stages = config.training.stages
    legs = [Leg(stages[0].size, 0, config.training.head_epochs, head_only=True)]
    for stage in stages:
        if not stage.epochs:
            continue
        first = legs[-1].last
        legs.append(Leg(stage.size, first, first + stage.epochs, head_only=False))
    return legs


def _compile(network: keras.Model, config: Config, examples: Examples, leg: Leg) -> None:
    training = config.training
    backbone = network.get_layer(model.BACKBONE)
    backbone.trainable = not leg.head_only
    if training.freeze_batch_normalization:
        for layer in backbone.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.trainable = False
    for layer in model.first_blocks(backbone, training.frozen_blocks):
        layer.trainable = False
    batches = len(examples.positions) // training.batch
    if leg.head_only:
        optimizer = keras.optimizers.AdamW(training.head_learning_rate)
    else:
        epochs = sum(stage.epochs for stage in training.stages)
        schedule = keras.optimizers.schedules.CosineDecay(
            initial_learning_rate=0.0,
            warmup_target=training.learning_rate,
            warmup_steps=round(training.warmup_epochs * batches),
            decay_steps=round((epochs - training.warmup_epochs) * batches),
        )
        optimizer = keras.optimizers.AdamW(
            schedule,
            weight_decay=training.weight_decay,
            use_ema=True,
            ema_momentum=training.average_momentum,
        )
        optimizer.exclude_from_weight_decay(var_names=UNDECAYED)
    optimizer.build(network.trainable_variables)
    labels = examples.labels[examples.positions]
    shares = imbalance.class_shares(labels, len(CLASSES), training.sampling_power)
    prior = shares if training.logit_adjustment else np.ones(len(CLASSES))
    network.compile(
        optimizer,
        imbalance.adjusted_cross_entropy(prior, training.label_smoothing),
        weighted_metrics=[
            keras.metrics.CategoricalAccuracy("accuracy"),
            KerasBalancedAccuracy(len(CLASSES)),
        ],
    )


def _fit_leg(
    network: keras.Model,
    config: Config,
    examples: Examples,
    leg: Leg,
    first: int,
    run: Path,
    history: list[dict[str, Any]],
    validation: tuple[NDArray[Any], ...],
    team: Cluster,
) -> None:
    callbacks = [Checkpoint(run, leg.last, history, team.is_chief)]
    if team.is_chief:
        callbacks.append(TensorBoard(run / "tensorboard"))
    if not leg.head_only:
        # Validation judges the averaged weights: they are what will be released.
        callbacks.append(keras.callbacks.SwapEMAWeights())
    # After a leg, JAX holds the averages and the weights as one array, which no step takes twice.
    for variable in network.optimizer.variables:
        variable.assign(keras.ops.copy(variable))
    network.fit(
        Batches(examples, config, leg.size, first, team),
        validation_data=validation,
        validation_batch_size=config.training.batch // team.workers,
        initial_epoch=first,
        epochs=leg.last,
        callbacks=callbacks,
        # Keras would shuffle the batches anew, from a stream that a resumed run has lost.
        shuffle=False,
        verbose=(1 if sys.stdout.isatty() else 2) if team.is_chief else 0,
    )


def _validation(
    examples: Examples, batch: int, devices: int, team: Cluster
) -> tuple[NDArray[Any], ...]:
    """This worker's share of the validation images: frames, one-hot labels and, if any, weights.

    Every batch must divide among the devices. The last one is filled up with copies of weight 0,
    and the others weigh the more, so that the figures are those of the real images.
    """
    frames, labels = examples.validation_frames, _one_hot(examples.validation_labels)
    if devices == 1:
        return frames, labels
    count = len(labels)
    padded = -(-count // devices) * devices
    batches = [np.arange(start, min(start + batch, padded)) for start in range(0, padded, batch)]
    mine = np.concatenate([places[team.rows(len(places))] for places in batches])
    share = frames[mine % count], labels[mine % count]
    if padded == count:
        return share
    return *share, np.where(mine < count, padded / count, 0).astype(np.float32)


def _one_hot(labels: NDArray[np.int64]) -> NDArray[np.float32]:
    return np.eye(len(CLASSES), dtype=np.float32)[labels]
