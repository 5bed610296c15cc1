"""A training configuration: data in `configs/NAME.toml`, not copies of code."""

import dataclasses
import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lesionlens.imaging.model_input import Preprocessing

CONFIGS = Path(__file__).parent / "configs"


@dataclass(frozen=True)
class Data:
    # Width and height, in pixels, of the decoded frames that augmentation samples from.
    frame: tuple[int, int]
    validation_fraction: float
    test_fraction: float
    # Number of images to draw when no data set is given (the smoke configuration); 0 for never.
    generated: int = 0
    # False splits by image, as the paper did: photographs of one lesion on both sides.
    by_lesion: bool = True
    # True repeats the rare classes before the split by image: copies of one image on both sides.
    oversample_first: bool = False
    # Images of other clinics are trained on too; this share of them is held out for validation, and
    # as much for test: 1 over a whole number from 3. 0 is HAM10000 alone.
    archive_fraction: float = 0.0


@dataclass(frozen=True)
class Chance:
    """Something that befalls a share of the images, with a strength drawn evenly between two."""

    probability: float = 0.0
    low: float = 0.0
    high: float = 0.0


@dataclass(frozen=True)
class Augmentation:
    rotation_degrees: float  # at most, either way
    flip_horizontal: bool
    flip_vertical: bool
    zoom: tuple[float, float]  # side of the sampled square, as a share of the frame's short side
    shift: float  # at most, either way, as a share of the frame's short side
    brightness: float  # at most, either way, as a share of 255
    contrast: float  # at most, either way, around 1
    colour: float  # gain of each channel, at most, either way, around 1
    # Images and labels are mixed in pairs, by shares from Beta(mixup, mixup); 0 for never.
    mixup: float = 0.0
    # This share of the images keeps its light and gets none of the flaws below.
    clean: float = 0.0
    # Where the square leaves the frame, this share of the images mirrors it; the others are black.
    mirrored: float = 0.0
    aspect: float = 0.0  # natural logarithm of width over height, at most, either way
    gamma: float = 0.0  # natural logarithm of the exponent, at most, either way
    exposure: float = 0.0  # natural logarithm of the gain, at most, either way
    hair: Chance = Chance()  # number of hairs
    corners: Chance = Chance()  # diameter of what a black surround leaves, as a share of the side
    bars: Chance = Chance()  # width of black bars on two sides, as a share of the side
    ruler: Chance = Chance()  # distance of its marks, as a share of the side
    blur: Chance = Chance()  # standard deviation, as a share of the side
    noise: Chance = Chance()  # standard deviation, of 255
    jpeg: Chance = Chance()  # quality


@dataclass(frozen=True)
class Stage:
    size: int  # side of the input, pixels
    epochs: int
    restart: bool = False  # the learning rate begins anew: warm-up, peak, decay


@dataclass(frozen=True)
class Training:
    batch: int
    head_epochs: int
    head_learning_rate: float
    learning_rate: float  # at its peak
    warmup_epochs: float
    weight_decay: float
    dropout: float
    label_smoothing: float
    # Images are drawn with a class probability proportional to n**sampling_power: 1 is as they
    # come, 0 is balanced. What imbalance is left is taken out by logit adjustment.
    sampling_power: float
    logit_adjustment: bool
    average_momentum: float  # of the exponential moving average of the weights
    freeze_batch_normalization: bool
    stages: tuple[Stage, ...]
    # The first blocks of MobileNet stay as they are: their gradients are the costly ones.
    frozen_blocks: int = 0
    # How much of the weights it started from is left in the result: between the two ends of a
    # fine-tuning lies a better network (Wortsman et al., "Robust fine-tuning of zero-shot models",
    # CVPR 2022).
    start_share: float = 0.0
    # From so many batches the normalizations' statistics are taken anew at the end; 0 for never.
    statistics_batches: int = 0
    # Without tracing a graph, which takes longer than a training of seconds.
    run_eagerly: bool = False
    # The rate stays at its peak until so many epochs from the end, or from the next restart; 0: it
    # falls all the way.
    decay_epochs: float = 0.0


@dataclass(frozen=True)
class Config:
    name: str
    seed: int
    imagenet_weights: bool
    width: float  # MobileNet's width multiplier
    preprocessing: Preprocessing  # size: what the release is evaluated and served at
    data: Data
    augmentation: Augmentation
    training: Training
    # Version of the release whose weights the training starts from; else ImageNet's, or none.
    start: str = ""
    # Sizes of the input among which the export chooses; none: that of the preprocessing.
    export_sizes: tuple[int, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The configuration as it reads back from JSON: tuples have become lists."""
        document: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(self)))
        return document


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


def from_dict(tree: dict[str, Any]) -> Config:
    """Build a Config from nested dictionaries, as read from TOML or from a run's own record."""
    try:
        training = dict(tree["training"])
        training["stages"] = tuple(Stage(**stage) for stage in training["stages"])
        augmentation: dict[str, Any] = {
            name: Chance(**value) if isinstance(value, dict) else value
            for name, value in tree["augmentation"].items()
        }
        augmentation["zoom"] = tuple(augmentation["zoom"])
        data = {**tree["data"], "frame": tuple(tree["data"]["frame"])}
        return Config(
            **{
                **tree,
                "export_sizes": tuple(tree.get("export_sizes", ())),
                "preprocessing": Preprocessing(**tree["preprocessing"]),
                "data": Data(**data),
                "augmentation": Augmentation(**augmentation),
                "training": Training(**training),
            }
        )
    except KeyError as error:
        raise ValueError(f"the configuration lacks {error}") from None
    except TypeError as error:
        raise ValueError(f"the configuration is wrong: {error}") from None


def _apply(tree: dict[str, Any], override: str) -> None:
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
