"""The configuration of a training, read from `configs/NAME.toml`."""

import tomllib
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from lesionlens.imaging.model_input import Preprocessing

CONFIGS = Path(__file__).parent / "configs"

# As read from TOML or JSON.
Tree = dict[str, Any]


class Table(Struct, frozen=True, forbid_unknown_fields=True):
    """A table of the configuration. Unknown keys and values of a wrong type are errors."""


class Data(Table, frozen=True):
    """The training images and how they are split."""

    # Width and height, in pixels, of the decoded frames that augmentation samples from.
    frame: tuple[int, int]
    validation_fraction: float
    test_fraction: float
    # Number of synthetic images to draw when no data set is given (smoke configuration); 0: none.
    generated: int = 0
    # False splits by image, as the paper did: photographs of one lesion on both sides.
    by_lesion: bool = True
    # True repeats the rare classes before the split by image: copies of one image on both sides.
    oversample_first: bool = False
    # Share of other clinics' images that is held out for validation, and the same again for test;
    # it must be 1/n with n of at least 3. 0: train on HAM10000 alone.
    archive_fraction: float = 0.0


class Chance(Table, frozen=True):
    """A degradation applied with some probability; its strength is uniform between two bounds."""

    probability: float = 0.0
    low: float = 0.0
    high: float = 0.0


class Augmentation(Table, frozen=True):
    """Random changes to each training image."""

    rotation_degrees: float  # at most, either way
    flip_horizontal: bool
    flip_vertical: bool
    zoom: tuple[float, float]  # side of the sampled square, as a share of the frame's short side
    shift: float  # at most, either way, as a share of the frame's short side
    brightness: float  # at most, either way, as a share of 255
    contrast: float  # at most, either way, around 1
    colour: float  # gain of each channel, at most, either way, around 1
    # Images and labels are mixed in pairs with weights from Beta(mixup, mixup); 0: never.
    mixup: float = 0.0
    # Share of the images whose light is left unchanged and that get none of the degradations below.
    clean: float = 0.0
    # Share of the images in which the area outside the frame is mirrored; otherwise it is black.
    mirrored: float = 0.0
    aspect: float = 0.0  # natural logarithm of width over height, at most, either way
    gamma: float = 0.0  # natural logarithm of the exponent, at most, either way
    exposure: float = 0.0  # natural logarithm of the gain, at most, either way
    hair: Chance = Chance()  # number of hairs
    corners: Chance = Chance()  # diameter of the circle in a black surround, as a share of the side
    bars: Chance = Chance()  # width of black bars on two sides, as a share of the side
    ruler: Chance = Chance()  # distance of its marks, as a share of the side
    blur: Chance = Chance()  # standard deviation, as a share of the side
    noise: Chance = Chance()  # standard deviation, of 255
    jpeg: Chance = Chance()  # quality


class Stage(Table, frozen=True):
    """Consecutive epochs of the whole network at one size of the input."""

    size: int  # side of the input, pixels
    epochs: int
    restart: bool = False  # restart the learning rate schedule: warm-up, peak, decay


class Training(Table, frozen=True):
    """How the network is fitted: first the head alone, then the whole network in stages."""

    batch: int
    head_epochs: int
    head_learning_rate: float
    learning_rate: float  # at its peak
    warmup_epochs: float
    weight_decay: float
    dropout: float
    label_smoothing: float
    # Classes are sampled with a probability proportional to n**sampling_power: 1 is their natural
    # frequency, 0 is balanced. Logit adjustment corrects for the remaining imbalance.
    sampling_power: float
    logit_adjustment: bool
    average_momentum: float  # of the exponential moving average of the weights
    freeze_batch_normalization: bool
    stages: tuple[Stage, ...]
    # Number of first MobileNet blocks that are not trained: their gradients cost the most time.
    frozen_blocks: int = 0
    # Share of the teachers' probabilities in what the network learns; the rest are the labels.
    teacher_share: float = 0.0
    # Prior of the classes that an origin lacks, in all. With 0 these classes learn nothing from its
    # images; more teaches that they are unlikely there.
    absent_share: float = 0.0
    # The final weights are interpolated between those before and after fine-tuning; this is the
    # share of those before (Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022).
    start_share: float = 0.0
    # Number of batches from which batch normalization statistics are recomputed at the end; 0:
    # never.
    statistics_batches: int = 0
    # Train without a compiled graph, whose tracing takes longer than a training of seconds.
    run_eagerly: bool = False
    # The learning rate stays at its peak until this many epochs before the end or the next restart;
    # 0: it decays from the end of the warm-up.
    decay_epochs: float = 0.0


class Config(Table, frozen=True):
    """Everything that determines a training except the images."""

    name: str
    seed: int
    imagenet_weights: bool
    width: float  # MobileNet's width multiplier
    preprocessing: Preprocessing  # size: input size of the evaluated and served model
    data: Data
    augmentation: Augmentation
    training: Training
    # Version of the release whose weights the training starts from; empty: ImageNet or random.
    start: str = ""
    # Versions of the releases whose averaged logits the network learns from beside the labels.
    teachers: tuple[str, ...] = ()
    # Input sizes that the export chooses from; empty: that of the preprocessing.
    export_sizes: tuple[int, ...] = ()

    def as_json(self) -> Tree:
        """The configuration as decoded from JSON, with lists in place of tuples."""
        tree: Tree = msgspec.json.decode(msgspec.json.encode(self))
        return tree


def load(name: str, overrides: tuple[str, ...] = ()) -> Config:
    """Read `configs/NAME.toml`; ``overrides`` are ``table.key=value`` with values as in TOML.

    Raises ValueError for an unknown configuration, an unknown or missing key, or a wrong type.
    """
    path = CONFIGS / f"{name}.toml"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in CONFIGS.glob("*.toml")))
        raise ValueError(f"unknown configuration {name!r}; there are {known}")
    tree = tomllib.loads(path.read_text())
    for override in overrides:
        _apply(tree, override)
    return from_dict({"name": name, **tree})


def from_dict(tree: Tree) -> Config:
    """Build a Config from nested dictionaries, as read from TOML or from a run's config.json.

    Raises ValueError for an unknown or missing key, or a wrong type.
    """
    try:
        _refuse_unknown(tree.get("preprocessing", {}))
        return msgspec.convert(tree, Config)
    except msgspec.ValidationError as error:
        raise ValueError(f"the configuration is wrong: {error}") from None


def _refuse_unknown(preprocessing: Tree) -> None:
    # msgspec ignores unknown keys of a dataclass, which this one is.
    if unknown := sorted(preprocessing.keys() - Preprocessing.__dataclass_fields__.keys()):
        raise ValueError(f"the configuration is wrong: preprocessing has no {unknown[0]!r}")


def _apply(tree: Tree, override: str) -> None:
    key, equals, value = override.partition("=")
    if not equals:
        raise ValueError(f"override {override!r} is not of the form table.key=value")
    *tables, leaf = key.strip().split(".")
    node = tree
    for table in tables:
        if not isinstance(node.get(table), dict):
            raise ValueError(f"override {override!r}: there is no table {table!r}")
        node = node[table]
    try:
        node[leaf] = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"override {override!r}: {error}") from None
