"""Photographs of skin taken without a dermatoscope, such as visitors take with a telephone.

A folder with ``images`` and ``labels.csv``: ``file, origin, group, licence``. An origin is a clinic
or a book; pictures of one group show the same patient or scene.
"""

import csv
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import dataset, ood_images
from .dataset import DatasetError

TABLE, IMAGES = "labels.csv", "images"
COLUMNS = ("file", "origin", "group", "licence")
# Prefixes of origins that come from one source and are held out together.
FAMILIES = ("PAD-UFES-20", "OpenStax")
# Marks share-alike licences. The detector is evaluated on such pictures but not fitted to them, so
# that the licence of the weights does not depend on whether weights count as an adaptation.
SHARE_ALIKE = "-SA"


@dataclass(frozen=True)
class CloseUp:
    """A photograph of skin taken without a dermatoscope."""

    path: Path
    origin: str
    group: str
    licence: str

    @property
    def family(self) -> str:
        """The origin, or the source that it shares with other origins."""
        return next((name for name in FAMILIES if self.origin.startswith(name)), self.origin)

    @property
    def is_for_fitting(self) -> bool:
        """Whether the detector may be fitted to it: it has no share-alike licence."""
        return SHARE_ALIKE not in self.licence


def default() -> Path:
    """The folder named by CLOSE_UPS_DIR, by default ../shared/close_ups beside the repository."""
    beside = Path(__file__).parents[3] / "shared" / "close_ups"
    return Path(os.environ.get("CLOSE_UPS_DIR", beside))


def read(root: Path) -> tuple[CloseUp, ...]:
    """Read the table in ``root``. Raises DatasetError, which lists all missing files."""
    if not (root / TABLE).is_file():
        raise DatasetError([f"{root} holds no {TABLE}; name the folder with CLOSE_UPS_DIR"])
    found = [
        CloseUp(root / IMAGES / row["file"], row["origin"], row["group"], row["licence"])
        for row in dataset.rows(root / TABLE, COLUMNS)
    ]
    if missing := [f"there is no image {one.path.name}" for one in found if not one.path.is_file()]:
        raise DatasetError(missing)
    return tuple(found)


def draw(root: Path, images: int, seed: int) -> None:
    """Write ``images`` drawings of skin from two origins, for the smoke configuration and tests."""
    random = np.random.default_rng(seed)
    (root / IMAGES).mkdir(parents=True, exist_ok=True)
    rows = [COLUMNS]
    for index in range(images):
        name = f"skin_{index:04d}.jpg"
        ood_images.healthy_skin(random).save(root / IMAGES / name)
        rows.append((name, f"drawn {'ab'[index % 2]}", f"drawing {index}", "Apache-2.0"))
    with (root / TABLE).open("w", newline="") as file:
        csv.writer(file).writerows(rows)
