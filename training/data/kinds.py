"""Pictures to fit and evaluate the detector, of the three kinds that it distinguishes.

The kinds come from collections that differ in resolution and compression, which must not become
cues. The detector is therefore also fitted to altered copies, made alike for every kind: resampled
to a random size, rotated, blurred, lit differently, covered with hair or a black frame, and
compressed again. Some pictures are also shown in the round black surround of a dermatoscope's field
of view, otherwise unaltered.
"""

import io
import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lesionlens.imaging.decode import decode
from lesionlens.imaging.model_input import Preprocessing
from lesionlens.imaging.preprocess import frame
from lesionlens.model.ood import CLOSE_UP, DERMATOSCOPIC

from ..config import Augmentation, Chance
from . import flaws, ood_images
from .augment import augment
from .close_ups import CloseUp
from .dataset import Dataset
from .split import PARTS, Split

TRAIN, VALIDATION, TEST = PARTS
# Maximum number of dermatoscopic images of each origin and part.
IMAGES_AN_ORIGIN = 400
# Range of the shorter side, in pixels, to which pictures are resampled before they are altered.
SIDES = (100, 320)
AUGMENTATION = Augmentation(
    rotation_degrees=180.0,
    flip_horizontal=True,
    flip_vertical=True,
    zoom=(0.5, 1.1),
    shift=0.12,
    brightness=0.08,
    contrast=0.15,
    colour=0.1,
    mirrored=0.7,
    aspect=0.15,
    gamma=0.35,
    exposure=0.3,
    hair=Chance(0.2, 2, 20),
    corners=Chance(0.4, 0.75, 1.25),
    bars=Chance(0.1, 0.02, 0.15),
    ruler=Chance(0.1, 0.03, 0.1),
    blur=Chance(0.4, 0.001, 0.02),
    noise=Chance(0.2, 1, 10),
    jpeg=Chance(0.6, 12, 95),
)
# One in this many pictures for fitting is also shown in a black surround, whose opening has a
# diameter between these shares of the side.
FRAMED_EVERY = 2
OPENINGS = (0.75, 1.25)
# Side in pixels and JPEG quality of equalized pictures, which differ in nothing but their content.
EQUAL_SIDE, EQUAL_QUALITY = 100, 60

Prepare = Callable[[Image.Image, np.random.Generator], NDArray[np.uint8]]


@dataclass(frozen=True)
class Picture:
    """A picture that the detector is fitted to or evaluated on."""

    kind: str
    origin: str  # held out as a whole
    group: str  # pictures of one group are not independent
    part: str  # `TRAIN`: fitting; dermatoscopic `VALIDATION`: limits; `TEST`: evaluation only
    load: Callable[[], Image.Image]  # RGB


def pictures(
    dataset: Dataset, split: Split, close_ups: Sequence[CloseUp], seed: int
) -> list[Picture]:
    """All pictures for the detector; dermatoscopic images are sampled by origin and part."""
    found = []
    for part in PARTS:
        drawn = np.random.default_rng(seed).permutation(getattr(split, part))
        for origin in np.unique(dataset.origins):
            inside = drawn[dataset.origins[drawn] == origin][:IMAGES_AN_ORIGIN]
            found += [
                Picture(DERMATOSCOPIC, one.origin, one.lesion_id, part, _opened(one.path))
                for one in dataset.subset(np.sort(inside))
            ]
    found += [
        Picture(
            CLOSE_UP,
            one.family,
            one.group,
            TRAIN if one.is_for_fitting else TEST,
            _opened(one.path),
        )
        for one in close_ups
    ]
    return found + [
        Picture(
            one.kind,
            one.source,
            one.source,
            TRAIN if one.half == ood_images.SEEN else TEST,
            lambda image=one.image: image,  # type: ignore[misc]
        )
        for one in ood_images.pictures(seed)
    ]


@dataclass(frozen=True)
class Material:
    """The images that a detector is fitted to and evaluated on.

    ``frames`` (N, S, S, 3): the ``pictures`` as preprocessed by serving, followed by copies of
    those for fitting: ``altered``, and ``framed`` in a black surround.
    """

    pictures: Sequence[Picture]
    altered: Sequence[Picture]
    framed: Sequence[Picture]
    frames: NDArray[np.uint8]


def material(pictures: Sequence[Picture], preprocessing: Preprocessing) -> Material:
    """Load the pictures, and make altered and framed copies of those for fitting."""
    altered = [picture for picture in pictures if picture.part == TRAIN]
    framed = altered[::FRAMED_EVERY]
    parts = (
        frames(pictures, preprocessing),
        frames(altered, preprocessing, altering(preprocessing)),
        frames(framed, preprocessing, framing(preprocessing)),
    )
    return Material(pictures, altered, framed, np.concatenate(parts))


def frames(
    shown: Sequence[Picture], preprocessing: Preprocessing, prepare: Prepare | None = None
) -> NDArray[np.uint8]:
    """(N, S, S, 3): the pictures as preprocessed by serving, or by ``prepare``."""
    side = preprocessing.size
    made = np.empty((len(shown), side, side, 3), np.uint8)

    def fill(index: int) -> None:
        image = shown[index].load()
        if prepare is None:
            made[index] = frame(image, side, side, preprocessing)
        else:
            made[index] = prepare(image, np.random.default_rng((len(shown), index)))

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(fill, range(len(shown))))
    return made


def altering(preprocessing: Preprocessing) -> Prepare:
    """Return a function that alters an image at random, in the same way for every kind."""

    def alter(image: Image.Image, random: np.random.Generator) -> NDArray[np.uint8]:
        side = math.exp(random.uniform(*np.log(SIDES)))
        pixels = np.asarray(_resampled(image, side / min(image.size)))
        altered = Image.fromarray(augment(pixels, preprocessing.size, AUGMENTATION, random))
        return frame(altered, preprocessing.size, preprocessing.size, preprocessing)

    return alter


def framing(preprocessing: Preprocessing) -> Prepare:
    """Return a function that puts an image into a black surround of random diameter."""

    def enframe(image: Image.Image, random: np.random.Generator) -> NDArray[np.uint8]:
        square = frame(image, preprocessing.size, preprocessing.size, preprocessing)
        return flaws.black_surround(square, random.uniform(*OPENINGS), random)

    return enframe


def equalizing(preprocessing: Preprocessing) -> Prepare:
    """Return a function that gives all images the same resolution, shape and compression."""

    def equalize(image: Image.Image, random: np.random.Generator) -> NDArray[np.uint8]:
        buffer = io.BytesIO()
        equal = Preprocessing(EQUAL_SIDE)
        square = Image.fromarray(frame(image, EQUAL_SIDE, EQUAL_SIDE, equal))
        square.save(buffer, "JPEG", quality=EQUAL_QUALITY)
        with Image.open(buffer) as coded:
            return frame(coded, preprocessing.size, preprocessing.size, preprocessing)

    return equalize


def _opened(path: Path) -> Callable[[], Image.Image]:
    return lambda: decode(path.read_bytes()).image


def _resampled(image: Image.Image, factor: float) -> Image.Image:
    width, height = (max(8, round(factor * side)) for side in image.size)
    return image.resize((width, height), Image.Resampling.BILINEAR)
