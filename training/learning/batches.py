"""Training and validation batches, and each worker's share of them."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from ..config import Config, Training
from ..data.augment import augment, mix
from ..data.dataset import CLASSES
from . import sampling
from .cluster import ALONE, Cluster
from .teachers import Teachers

# Threads that prepare batches while the network trains on earlier ones.
THREADS = 2
# Batches that are ready at most.
AHEAD = 4


@dataclass(frozen=True)
class Examples:
    """Frames (N, H, W, 3) uint8 and labels (N,) for training, and the validation images."""

    frames: NDArray[np.uint8]
    labels: NDArray[np.int64]
    positions: NDArray[np.int64]  # of the training part
    validation_frames: NDArray[np.uint8]  # (V, S, S, 3), as preprocessed by serving
    validation_labels: NDArray[np.int64]
    origins: NDArray[np.str_]  # (N,)
    validation_origins: NDArray[np.str_]  # (V,)

    @cached_property
    def origin_names(self) -> tuple[str, ...]:
        """The origins that occur, sorted."""
        return tuple(np.unique(self.origins).tolist())

    @cached_property
    def origin_indices(self) -> NDArray[np.int64]:
        """(N,) index of each frame's origin in `origin_names`."""
        return np.searchsorted(self.origin_names, self.origins)

    def shares(self, power: float) -> NDArray[np.float64]:
        """(O, C) share of each class within each origin in an epoch, as count**power."""
        origins = self.origin_indices[self.positions]
        return sampling.cell_shares(self.labels[self.positions], origins, len(CLASSES), power)


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """The augmented batches of one stage; a batch is a function of seed, epoch and index.

    In a distributed training, each worker gets its share of every batch. With ``teachers`` the
    labels are mixed with the probabilities that these give the same image.
    """

    def __init__(
        self,
        examples: Examples,
        config: Config,
        size: int,
        epoch: int,
        team: Cluster = ALONE,
        teachers: Teachers | None = None,
    ) -> None:
        super().__init__(workers=THREADS, max_queue_size=AHEAD)
        self.examples, self.config, self.size = examples, config, size
        self.teachers = teachers
        self.rows = team.rows(config.training.batch)
        self.shares = examples.shares(config.training.sampling_power)
        self.priors = _priors(self.shares, config.training)
        self._start(epoch)

    def _start(self, epoch: int) -> None:
        self.epoch = epoch
        random = np.random.default_rng((self.config.seed, epoch))
        positions = self.examples.positions
        drawn = sampling.draw_epoch(
            self.examples.labels[positions],
            self.examples.origin_indices[positions],
            self.shares,
            len(positions),
            random,
        )
        self.order = positions[drawn]

    def on_epoch_end(self) -> None:
        """Draw the order of the next epoch."""
        self._start(self.epoch + 1)

    def __len__(self) -> int:
        return len(self.order) // self.config.training.batch

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        random = np.random.default_rng((self.config.seed, self.epoch, index))
        batch = self.config.training.batch
        chosen = self.order[index * batch : (index + 1) * batch]
        settings = self.config.augmentation
        images = [augment(self.examples.frames[i], self.size, settings, random) for i in chosen]
        origins = self.examples.origin_indices[chosen]
        own = (
            _one_hot(self.examples.labels[chosen], len(CLASSES)),
            self.priors[origins],
            _one_hot(origins, len(self.priors)),
        )
        # The prior of an image mixed from two origins is the mixture of theirs.
        mixed, both = mix(
            np.stack(images).astype(np.float32), np.concatenate(own, axis=1), settings, random
        )
        mixed, both = mixed[self.rows], both[self.rows]
        labels, priors, shares = np.split(both, [len(CLASSES), 2 * len(CLASSES)], axis=1)
        if self.teachers:
            taught = sampling.posterior(self.teachers.logits(mixed), priors)
            labels += self.config.training.teacher_share * (taught - labels)
        return mixed, sampling.targets(labels, priors, shares)


def validation(
    examples: Examples, batch: int, devices: int, team: Cluster
) -> tuple[NDArray[Any], ...]:
    """This worker's share of the validation images: frames, targets and, if any, weights.

    The targets have the uniform prior, and so has the validation loss.

    Every batch must be divisible among the devices. The last one is padded with copies of weight 0,
    and the other weights are scaled up, so that the figures are those of the real images.
    """
    frames, count = examples.validation_frames, len(examples.validation_labels)
    origins = np.searchsorted(examples.origin_names, examples.validation_origins)
    labels = sampling.targets(
        _one_hot(examples.validation_labels, len(CLASSES)),
        np.full((count, len(CLASSES)), 1 / len(CLASSES), np.float32),
        _one_hot(origins, len(examples.origin_names)),
    )
    if devices == 1:
        return frames, labels
    padded = -(-count // devices) * devices
    batches = [np.arange(start, min(start + batch, padded)) for start in range(0, padded, batch)]
    mine = np.concatenate([places[team.rows(len(places))] for places in batches])
    share = frames[mine % count], labels[mine % count]
    if padded == count:
        return share
    return *share, np.where(mine < count, padded / count, 0).astype(np.float32)


def _priors(shares: NDArray[np.float64], training: Training) -> NDArray[np.float32]:
    """(O, C) class priors within each origin: those of `shares`, or uniform ones.

    The classes that an origin lacks have `absent_share` in all.
    """
    weights = shares if training.logit_adjustment else (shares > 0).astype(np.float64)
    # The total is 0 where no training image has this origin; its priors are never used.
    priors = weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-12)
    absent = priors == 0
    lacking = absent.sum(axis=1, keepdims=True)
    left = np.where(lacking, training.absent_share, 0)
    return np.asarray(
        np.where(absent, left / np.maximum(lacking, 1), priors * (1 - left)), np.float32
    )


def _one_hot(indices: NDArray[np.int64], count: int) -> NDArray[np.float32]:
    return np.eye(count, dtype=np.float32)[indices]
