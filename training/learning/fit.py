"""Trains the network: first the head, then all layers at growing input sizes; resumable."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from ..config import Config
from ..data.dataset import CLASSES
from . import (
    callbacks,
    cluster,
    figures,
    from_tflite,
    malloc,
    mobilenet,
    normalization,
    sampling,
    schedules,
)
from .batches import Batches, Examples, validation
from .callbacks import Epoch, State
from .cluster import ALONE, Cluster
from .teachers import Teachers

# Names of the weights that are exempt from weight decay.
UNDECAYED = ["gamma", "beta", "bias"]
# Number of batches for batch normalization statistics of a network that starts from a release.
STATISTICS_BATCHES = 8


@dataclass(frozen=True)
class Leg:
    """Epochs ``first`` (inclusive) to ``last`` (exclusive) with one input size and optimizer."""

    size: int
    first: int
    last: int
    head_only: bool


@dataclass(frozen=True)
class Setting:
    """Inputs that are the same for all legs of a training."""

    config: Config
    examples: Examples
    run: Path
    team: Cluster
    devices: int  # total of all workers
    teachers: Teachers | None


def fit(
    config: Config,
    examples: Examples,
    run: Path,
    resume: bool,
    start: bytes | None = None,
    team: Cluster = ALONE,
    teachers: Sequence[bytes] = (),
) -> tuple[keras.Model, list[Epoch]]:
    """Train as configured; return the model with averaged weights, and the history by epoch.

    Checkpoints are written to ``run``. With ``resume`` an interrupted training continues after its
    last finished epoch, with the same result as if it had not been interrupted. ``start`` is the
    LiteRT model to start from, ``teachers`` are LiteRT models to learn from. In a ``team`` each
    worker trains on its share of every batch and ends with the same weights; only the chief writes
    files.
    """
    malloc.keep_what_is_freed()
    with cluster.joined(team) as devices:
        if config.training.batch % devices:
            raise ValueError(
                f"training.batch is {config.training.batch}; accepted is a multiple of the "
                f"{devices} devices that share it"
            )
        if start and devices > 1:
            raise ValueError("a training that starts from a release can have one device only")
        teaching = Teachers(teachers) if teachers else None
        return _fit(Setting(config, examples, run, team, devices, teaching), resume, start)


def _fit(setting: Setting, resume: bool, start: bytes | None) -> tuple[keras.Model, list[Epoch]]:
    config, examples = setting.config, setting.examples
    weights = mobilenet.imagenet_weights() if config.imagenet_weights else None
    network = mobilenet.build(
        len(CLASSES), config.width, config.training.dropout, weights, config.seed
    )
    state = callbacks.saved(setting.run, setting.team) if resume else State()
    done, history = state.epoch, list(state.history)
    if start:
        batches = Batches(examples, config, config.training.stages[0].size, epoch=0)
        some = (batches[index][0] for index in range(min(STATISTICS_BATCHES, len(batches))))
        from_tflite.restore(network, start, some)
    begun = network.get_weights()

    head_only = None
    for leg in _legs(config):
        if leg.last < done:
            continue
        if head_only is not leg.head_only:
            prepare(network, config, examples, leg)
            head_only = leg.head_only
        if leg.first < done:
            callbacks.restore(network, setting.run, done)
        if done < leg.last:
            _fit_leg(network, setting, leg, max(leg.first, done), history)
    if share := config.training.start_share:
        pairs = zip(begun, network.get_weights(), strict=True)
        network.set_weights([share * first + (1 - share) * last for first, last in pairs])
    if config.training.statistics_batches:
        normalization.take_anew(network, _statistics(examples, config))
    return network, history


def _statistics(examples: Examples, config: Config) -> Iterator[NDArray[np.float32]]:
    """Batches as in the last stage, but without mixup and at the served input size."""
    unmixed = replace(config, augmentation=replace(config.augmentation, mixup=0.0))
    # An epoch beyond the training's last one, so that its batches are new.
    epoch = config.training.head_epochs + sum(stage.epochs for stage in config.training.stages)
    batches = Batches(examples, unmixed, config.preprocessing.size, epoch)
    for index in range(min(config.training.statistics_batches, len(batches))):
        yield batches[index][0]


def _legs(config: Config) -> list[Leg]:
    stages = config.training.stages
    legs = [Leg(stages[0].size, 0, config.training.head_epochs, head_only=True)]
    for stage in stages:
        if not stage.epochs:
            continue
        first = legs[-1].last
        legs.append(Leg(stage.size, first, first + stage.epochs, head_only=False))
    return legs


def prepare(network: keras.Model, config: Config, examples: Examples, leg: Leg) -> None:
    """Set the trainable layers of a leg; compile the network with its optimizer and loss."""
    training = config.training
    backbone = network.get_layer(mobilenet.BACKBONE)
    backbone.trainable = not leg.head_only
    if training.freeze_batch_normalization:
        for layer in backbone.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.trainable = False
    for layer in mobilenet.first_blocks(backbone, training.frozen_blocks):
        layer.trainable = False
    batches = len(examples.positions) // training.batch
    if leg.head_only:
        optimizer = keras.optimizers.AdamW(training.head_learning_rate)
    else:
        schedule = schedules.planned(training, batches)
        optimizer = keras.optimizers.AdamW(
            schedule,
            weight_decay=training.weight_decay,
            use_ema=True,
            ema_momentum=training.average_momentum,
        )
        optimizer.exclude_from_weight_decay(var_names=UNDECAYED)
    optimizer.build(network.trainable_variables)
    network.compile(
        optimizer,
        sampling.adjusted_cross_entropy(training.label_smoothing),
        weighted_metrics=figures.watched(len(CLASSES), examples.origin_names),
        # By default Keras would have TensorFlow compile with XLA, which takes minutes for every
        # input size on few cores. JAX always uses XLA.
        jit_compile=keras.backend.backend() == "jax",
        run_eagerly=training.run_eagerly,
    )


def _fit_leg(
    network: keras.Model, setting: Setting, leg: Leg, first: int, history: list[Epoch]
) -> None:
    """Train from epoch ``first`` to the end of the leg; add the epochs to ``history``."""
    config, examples, team = setting.config, setting.examples, setting.team
    batch = config.training.batch
    called = [callbacks.Checkpoint(setting.run, leg.last, history, team)]
    if not leg.head_only:
        # Validation uses the averaged weights: these will be released.
        called.append(keras.callbacks.SwapEMAWeights())
    # After a leg, averages and weights are the same JAX arrays, which a step cannot take twice.
    for variable in network.optimizer.variables:
        variable.assign(keras.ops.copy(variable))
    network.fit(
        Batches(examples, config, leg.size, first, team, setting.teachers),
        validation_data=validation(examples, batch, setting.devices, team),
        validation_batch_size=batch // team.workers,
        initial_epoch=first,
        epochs=leg.last,
        callbacks=called,
        # Keras would shuffle with a random state that is lost when a run is resumed.
        shuffle=False,
        verbose=1 if sys.stdout.isatty() else 2,
    )
