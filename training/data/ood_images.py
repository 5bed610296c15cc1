"""Out-of-distribution images: photographs from Python packages, and generated drawings.

The detector is fitted to half of the sources (`SEEN`) and evaluated on the others (`UNSEEN`).
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.resources import as_file, files

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from lesionlens.model.ood import CLOSE_UP, OTHER

SEEN, UNSEEN = "seen", "unseen"
CROPS = 8  # of each photograph
VARIANTS = 12  # of each drawing
SIDE = 480  # pixels of a drawing's longer side

# Files by package and folder: animals, landscapes, people, objects, textures, documents, and other
# medical images, alternately in either half.
_PHOTOGRAPHS: dict[tuple[str, str], dict[str, tuple[str, ...]]] = {
    ("skimage", "data"): {
        SEEN: (
            "astronaut.png", "brick.png", "coffee.png", "rocket.jpg", "page.png",
            "hubble_deep_field.jpg", "ihc.png", "motorcycle_left.png", "coins.png", "grass.png",
            "logo.png",
        ),
        UNSEEN: (
            "chelsea.png", "camera.png", "retina.jpg", "moon.png", "text.png", "gravel.png",
            "cell.png", "clock_motion.png", "horse.png", "color.png", "phantom.png",
        ),
    },
    ("sklearn.datasets", "images"): {SEEN: ("china.jpg",), UNSEEN: ("flower.jpg",)},
    ("matplotlib", "mpl-data/sample_data"): {
        SEEN: ("Minduka_Present_Blue_Pack.png",),
        UNSEEN: ("grace_hopper.jpg",),
    },
}  # fmt: skip


@dataclass(frozen=True)
class OodImage:
    """An out-of-distribution image: one that shows no lesion under a dermatoscope."""

    source: str
    half: str  # `SEEN` or `UNSEEN`
    image: Image.Image  # RGB
    kind: str = OTHER


def pictures(seed: int) -> Iterator[OodImage]:
    """Yield crops of every photograph and variants of every drawing."""
    for (package, folder), halves in _PHOTOGRAPHS.items():
        for half, names in halves.items():
            for name in names:
                with as_file(files(package) / folder / name) as path, Image.open(path) as file:
                    photograph = _opaque(file)
                random = np.random.default_rng((seed, len(name), *name.encode()))
                for crop in range(CROPS):
                    whole = crop == 0
                    image = photograph if whole else _crop(photograph, random)
                    yield OodImage(name, half, image)
    for half, drawings in _DRAWINGS.items():
        for number, draw in enumerate(drawings):
            random = np.random.default_rng((seed, len(half), number))
            for _ in range(VARIANTS):
                kind = CLOSE_UP if draw is healthy_skin else OTHER
                yield OodImage(f"drawn {draw.__name__}", half, draw(random), kind)


def _opaque(image: Image.Image) -> Image.Image:
    rgba = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")


def _crop(image: Image.Image, random: np.random.Generator) -> Image.Image:
    """Crop a random part whose sides are 0.33 to 0.9 of the picture's."""
    share = random.uniform(0.33, 0.9)
    width, height = (max(32, round(share * side)) for side in image.size)
    left = int(random.integers(0, image.width - width + 1))
    top = int(random.integers(0, image.height - height + 1))
    return image.crop((left, top, left + width, top + height))


def _canvas(colour: tuple[int, ...]) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("RGB", (SIDE, SIDE * 3 // 4), colour)
    return image, ImageDraw.Draw(image)


def _colour(random: np.random.Generator, low: int = 0, high: int = 256) -> tuple[int, ...]:
    return tuple(int(value) for value in random.integers(low, high, 3))


def _skin(random: np.random.Generator) -> tuple[int, ...]:
    """A random skin colour, from very fair to very dark."""
    fair, dark = np.array([236, 200, 180]), np.array([72, 45, 34])
    share = random.uniform()
    return tuple(int(value) for value in fair * (1 - share) + dark * share)


def document(random: np.random.Generator) -> Image.Image:
    """Lines of words on paper."""
    image, draw = _canvas(_colour(random, 235, 256))
    ink, step = _colour(random, 0, 70), int(random.integers(9, 22))
    for y in range(20, image.height - 20, step):
        x = 25
        while x < image.width - 60:
            width = int(random.integers(8, 50))
            draw.rectangle((x, y, x + width, y + step // 3), fill=ink)
            x += width + 6
    return image


def screenshot(random: np.random.Generator) -> Image.Image:
    """Windows with bars, buttons and lines of text."""
    image, draw = _canvas(_colour(random, 190, 256))
    draw.rectangle((0, 0, image.width, 24), fill=_colour(random))
    for _ in range(int(random.integers(4, 10))):
        x, y = int(random.integers(0, image.width)), int(random.integers(25, image.height))
        box = (x, y, x + int(random.integers(30, 220)), y + int(random.integers(12, 90)))
        draw.rounded_rectangle(box, radius=5, fill=_colour(random), outline=(90, 90, 90))
        draw.text((x + 6, y + 4), "Settings  OK  Cancel", fill=_colour(random))
    return image


def landscape(random: np.random.Generator) -> Image.Image:
    """A sky, hills and a sun."""
    image, draw = _canvas((int(random.integers(90, 180)), 180, 235))
    for depth in range(3):
        level = image.height * (0.45 + 0.17 * depth)
        phase, waves = random.uniform(0, 6), random.uniform(1, 4)
        ridge = [
            (x, level + 35 * math.sin(waves * x / 90 + phase)) for x in range(0, image.width + 8, 8)
        ]
        green = (30 + 20 * depth, int(random.integers(80, 150)), 40)
        draw.polygon([(0, image.height), *ridge, (image.width, image.height)], fill=green)
    x = int(random.integers(40, image.width - 40))
    draw.ellipse((x - 22, 20, x + 22, 64), fill=(255, 230, 120))
    return image.filter(ImageFilter.GaussianBlur(1.5))


def face(random: np.random.Generator) -> Image.Image:
    """A face with eyes, mouth and hair in front of a wall."""
    image, draw = _canvas(_colour(random, 60, 230))
    x, y, radius = image.width // 2, image.height // 2 + 10, int(random.integers(90, 140))
    draw.ellipse(
        (x - radius, y - radius - 25, x + radius, y + radius // 2), fill=_colour(random, 0, 110)
    )
    draw.ellipse((x - radius * 0.8, y - radius, x + radius * 0.8, y + radius), fill=_skin(random))
    for side in (-1, 1):
        centre = x + side * radius * 0.33
        draw.ellipse((centre - 14, y - 28, centre + 14, y - 12), fill="white")
        draw.ellipse((centre - 6, y - 27, centre + 6, y - 13), fill=_colour(random, 0, 120))
    draw.arc((x - 35, y + 15, x + 35, y + 60), 20, 160, fill=(150, 50, 60), width=7)
    return image.filter(ImageFilter.GaussianBlur(1.2))


def noise(random: np.random.Generator) -> Image.Image:
    """Random pixels, fine to coarse, coloured or grey."""
    cells = int(random.choice([SIDE, SIDE // 2, SIDE // 6, SIDE // 20]))
    channels = int(random.choice([1, 3]))
    values = np.repeat(random.integers(0, 256, (cells, cells, channels)), 3 // channels, axis=2)
    image = Image.fromarray(values.astype(np.uint8))
    return image.resize((SIDE, SIDE), Image.Resampling.BILINEAR)


def blank(random: np.random.Generator) -> Image.Image:
    """One colour, or a gradient between two."""
    ends = np.array([_colour(random), _colour(random)], np.float64)
    if random.uniform() < 0.5:
        ends[1] = ends[0]
    ramp = np.linspace(ends[0], ends[1], SIDE)[None].repeat(SIDE * 3 // 4, axis=0)
    return Image.fromarray(ramp.astype(np.uint8))


def healthy_skin(random: np.random.Generator) -> Image.Image:
    """A close-up of skin without a lesion: its tone, pores, furrows, some hairs."""
    width, height = SIDE, SIDE * 3 // 4
    tone = np.array(_skin(random), np.float64)
    relief = np.zeros((height, width))
    for cells, weight in ((6, 6), (40, 5), (160, 5)):
        grid = Image.fromarray(random.normal(0, 1, (cells, cells)).astype(np.float32))
        relief += weight * np.asarray(grid.resize((width, height), Image.Resampling.BICUBIC))
    image = Image.fromarray(np.clip(tone + relief[..., None], 0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    for _ in range(int(random.integers(0, 12))):
        x, y = random.uniform(0, width), random.uniform(0, height)
        end = (x + random.normal(0, 60), y + random.normal(0, 60))
        draw.line(((x, y), end), fill=tuple(int(v * 0.5) for v in tone), width=1)
    return image.filter(ImageFilter.GaussianBlur(0.8))


def chart(random: np.random.Generator) -> Image.Image:
    """Bars and axes on white."""
    image, draw = _canvas((255, 255, 255))
    colour = _colour(random)
    for bar in range(8):
        height = int(random.integers(20, image.height - 60))
        left = 50 + bar * 50
        draw.rectangle(
            (left, image.height - 30 - height, left + 34, image.height - 30), fill=colour
        )
    draw.line(
        (40, 20, 40, image.height - 30, image.width - 20, image.height - 30), fill="black", width=2
    )
    return image


_DRAWINGS: dict[str, tuple[Callable[[np.random.Generator], Image.Image], ...]] = {
    SEEN: (document, landscape, noise, chart),
    UNSEEN: (screenshot, face, blank, healthy_skin),
}
