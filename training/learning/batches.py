"""The images of a training: its augmented batches, and the share that each worker has of them."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from ..config import Config
from ..data.dataset import CLASSES
from . import sampling
from .augment import augment, mix
from .cluster import ALONE, Cluster


@dataclass(frozen=True)
class Examples:
    """Frames (N, H, W, 3) uint8 and labels (N,) to train on, with their validation images."""

    frames: NDArray[np.uint8]
    labels: NDArray[np.int64]
    positions: NDArray[np.int64]  # of the training part
    validation_frames: NDArray[np.uint8]  # (V, S, S, 3), as serving would see them
    validation_labels: NDArray[np.int64]

    def class_shares(self, power: float) -> NDArray[np.float64]:
        """(C,) share of each class among the images drawn, proportional to count**power."""
        return sampling.class_shares(self.labels[self.positions], len(CLASSES), power)


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
        self.shares = examples.class_shares(config.training.sampling_power)
        self._start(epoch)

    def _start(self, epoch: int) -> None:
        self.epoch = epoch
        random = np.random.default_rng((self.config.seed, epoch))
        positions = self.examples.positions
        labels = self.examples.labels[positions]
        drawn = sampling.draw_epoch(labels, self.shares, len(positions), random)
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


def validation(
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
