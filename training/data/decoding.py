"""Decodes the images of a data set with the serving code; caches the result on disk."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from lesionlens.errors import Problem
from lesionlens.imaging.decode import FULL_SIDE, decode
from lesionlens.imaging.model_input import Preprocessing
from lesionlens.imaging.preprocess import frame

from .dataset import Dataset, DatasetError, Record

Taken = TypeVar("Taken")


def model_inputs(records: Sequence[Record], preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """(N, S, S, 3) uint8: images as preprocessed by serving. Raises DatasetError as `frames`."""
    return frames(records, preprocessing.size, preprocessing.size, preprocessing)


def frames(
    records: Sequence[Record], width: int, height: int, preprocessing: Preprocessing
) -> NDArray[np.uint8]:
    """Decode images to (N, height, width, 3) uint8 with the serving code.

    Raises DatasetError, which lists every unreadable file.
    """
    made = np.empty((len(records), height, width, 3), np.uint8)
    _fill(made, records, preprocessing)
    return made


def cached(
    dataset: Dataset, width: int, height: int, preprocessing: Preprocessing, cache: Path
) -> NDArray[np.uint8]:
    """Like `frames` for the whole data set, as a read-only memory map of a file in ``cache``."""
    options = f"{preprocessing.denoise:d}{preprocessing.colour_constancy:d}"
    path = cache / f"{dataset.fingerprint[:16]}-{width}x{height}-{options}-{FULL_SIDE}.npy"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(f".{os.getpid()}.partial")
        try:
            made = np.lib.format.open_memmap(
                partial, "w+", np.uint8, (len(dataset.records), height, width, 3)
            )
            _fill(made, dataset.records, preprocessing)
            made.flush()
            partial.rename(path)
        finally:
            partial.unlink(missing_ok=True)
    return np.load(path, mmap_mode="r")  # type: ignore[no-any-return]


def _fill(made: NDArray[np.uint8], records: Sequence[Record], preprocessing: Preprocessing) -> None:
    height, width = made.shape[1:3]

    def fill(image: Image.Image, index: int) -> None:
        made[index] = frame(image, width, height, preprocessing)

    each_image(fill, records, "decoding")


class _Unreadable(str):
    """Error message for a file that cannot be decoded."""


def each_image(
    take: Callable[[Image.Image, int], Taken], records: Sequence[Record], doing: str
) -> list[Taken]:
    """Call ``take`` with each record's upright RGB image and its index; return the results.

    Images are decoded by threads of this process, without a sandbox: a data set's files are
    trusted. Raises DatasetError, which lists every file that serving would refuse.
    """

    def taken(index: int) -> Taken | _Unreadable:
        record = records[index]
        try:
            image = decode(record.path.read_bytes()).image
        except (OSError, Problem) as error:
            return _Unreadable(f"{record.path.name} cannot be read: {error}")
        return take(image, index)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        outcomes = pool.map(taken, range(len(records)))
        found = list(tqdm(outcomes, doing, len(records), unit="image", leave=False))
    if problems := [one for one in found if isinstance(one, _Unreadable)]:
        raise DatasetError(problems)
    return [one for one in found if not isinstance(one, _Unreadable)]
