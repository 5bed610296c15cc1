"""A small synthetic data set in HAM10000's layout, for the smoke configuration and the tests.

Its images are drawings: results on them say nothing about skin lesions.
"""

import csv
import math
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from .dataset import ARCHIVE_TABLE, CLASSES

SIZE = (160, 120)
# Numbers of images of successive lesions; HAM10000 has such lesions too.
IMAGES_PER_LESION = (1, 2, 3)
# The synthetic archive has fewer classes, several origins, and small groups.
ARCHIVE_CLASSES = ("nv", "mel", "bkl")
ORIGINS = ("Drawn A", "Drawn B")
IMAGES_PER_GROUP = 2
LOCALIZATIONS = ("back", "lower extremity", "face")


def write(root: Path, images: int, seed: int) -> None:
    """Write ``images`` images, evenly distributed over the classes, and their table to ``root``."""
    random = np.random.default_rng(seed)
    folder = root / "images"
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for index, (lesion, label) in enumerate(_plan(images)):
        image_id = f"DRAWN_{index:07d}"
        draw(CLASSES.index(label), random).save(folder / f"{image_id}.jpg", quality=90)
        rows.append(
            {
                "lesion_id": f"DRAWING_{lesion:07d}",
                "image_id": image_id,
                "dx": label,
                "dx_type": "drawn",
                "age": str(30 + 5 * (lesion % 9)),
                "sex": ("female", "male")[lesion % 2],
                "localization": LOCALIZATIONS[lesion % len(LOCALIZATIONS)],
            }
        )
    _write_table(root / "HAM10000_metadata.csv", rows)


def write_archive(root: Path, images: int, seed: int) -> None:
    """Write images of other clinics and their table, in the layout of the ISIC selection."""
    random = np.random.default_rng((seed, images))
    folder = root / "images"
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for index in range(images):
        image_id, dx = f"DRAWN_A{index:06d}", ARCHIVE_CLASSES[index % len(ARCHIVE_CLASSES)]
        draw(CLASSES.index(dx), random).save(folder / f"{image_id}.jpg", quality=70)
        origin = ORIGINS[index // IMAGES_PER_GROUP % len(ORIGINS)]
        group = f"G{index // IMAGES_PER_GROUP}"
        rows.append({"image_id": image_id, "dx": dx, "origin": origin, "group": group})
    _write_table(root / ARCHIVE_TABLE, rows)


def draw(label: int, random: np.random.Generator) -> Image.Image:
    """Draw a blot on skin; hue and number of lobes depend on the class."""
    width, height = SIZE
    skin = np.array([225, 185, 165]) + random.integers(-12, 12, 3)
    image = Image.new("RGB", SIZE, tuple(skin.tolist()))
    hue = int(255 * label / len(CLASSES))
    colour = Image.new("HSV", (1, 1), (hue, 190, 150)).convert("RGB").getpixel((0, 0))
    lobes, radius = 2 + label, random.uniform(0.25, 0.38) * height
    centre_x, centre_y = width / 2 + random.normal(0, 6), height / 2 + random.normal(0, 4)
    phase = random.uniform(0, 2 * math.pi)
    outline = [
        (
            centre_x + radius * (1 + 0.25 * math.sin(lobes * turn + phase)) * math.cos(turn),
            centre_y + radius * (1 + 0.25 * math.sin(lobes * turn + phase)) * math.sin(turn),
        )
        for turn in np.linspace(0, 2 * math.pi, 60)
    ]
    ImageDraw.Draw(image).polygon(outline, fill=colour)
    return image.filter(ImageFilter.GaussianBlur(1.5))


def _plan(images: int) -> list[tuple[int, str]]:
    """(lesion number, class) of each image."""
    plan: list[tuple[int, str]] = []
    lesion = 0
    while len(plan) < images:
        label = CLASSES[lesion % len(CLASSES)]
        count = IMAGES_PER_LESION[lesion // len(CLASSES) % len(IMAGES_PER_LESION)]
        plan += [(lesion, label)] * count
        lesion += 1
    return plan[:images]


def _write_table(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
