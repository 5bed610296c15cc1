"""Performance of a release on degraded pictures: blurred, compressed, dark, noisy and so on."""

import io
import math
from collections.abc import Callable

import msgspec
import numpy as np
from msgspec import Struct
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from lesionlens.model.classifier import Classifier
from lesionlens.model.figures import Interval

from ..data.dataset import Record
from . import metrics
from .served_predictions import Answers, collect

# Degrades an upright RGB image at a strength, with a random generator.
Degrade = Callable[[Image.Image, float, np.random.Generator], Image.Image]

HAIR_COLOUR = (45, 30, 25)
# Number of points of a hair's curve.
HAIR_POINTS = 20


def blur(image: Image.Image, strength: float, random: np.random.Generator) -> Image.Image:
    """Gaussian blur; ``strength`` is its standard deviation as a share of the short side."""
    return image.filter(ImageFilter.GaussianBlur(strength * min(image.size)))


def jpeg(image: Image.Image, strength: float, random: np.random.Generator) -> Image.Image:
    """Compress again; ``strength`` is the quality, from 1 (worst) to 95."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=int(strength))
    return Image.open(buffer).convert("RGB")


def brightness(image: Image.Image, strength: float, random: np.random.Generator) -> Image.Image:
    """Multiply all values by ``strength``."""
    return ImageEnhance.Brightness(image).enhance(strength)


def rotation(image: Image.Image, strength: float, random: np.random.Generator) -> Image.Image:
    """Rotate by ``strength`` degrees about the centre; the area outside the image is black."""
    return image.rotate(strength, Image.Resampling.BILINEAR)


def hair(image: Image.Image, strength: float, random: np.random.Generator) -> Image.Image:
    """Draw ``strength`` dark curved lines, at most 1% of the short side wide."""
    drawn = image.copy()
    pen = ImageDraw.Draw(drawn)
    width, height = image.size
    short = min(width, height)
    step = np.linspace(-0.5, 0.5, HAIR_POINTS)
    for _ in range(int(strength)):
        x, y = random.uniform(0.2, 0.8, 2) * (width, height)
        angle, bend = random.uniform(0, 2 * math.pi), random.uniform(-0.3, 0.3)
        length = random.uniform(0.5, 1.2) * short
        along, across = length * step, length * bend * (4 * step**2)
        points = np.stack(
            [
                x + along * math.cos(angle) - across * math.sin(angle),
                y + along * math.sin(angle) + across * math.cos(angle),
            ],
            axis=1,
        )
        thick = max(1, round(random.uniform(0.003, 0.01) * short))
        pen.line([tuple(point) for point in points.tolist()], HAIR_COLOUR, thick, "curve")
    return drawn


def noise(image: Image.Image, strength: float, random: np.random.Generator) -> Image.Image:
    """Add independent Gaussian noise to each channel, of standard deviation ``strength``."""
    noisy = np.asarray(image) + random.normal(0, strength, (image.height, image.width, 3))
    return Image.fromarray(np.clip(np.rint(noisy), 0, 255).astype(np.uint8))


def frame(image: Image.Image, strength: float, random: np.random.Generator) -> Image.Image:
    """Blacken all but a centred disc; ``strength``: its diameter as a share of the short side."""
    radius = strength * min(image.size) / 2
    x, y = image.width / 2, image.height / 2
    disc = Image.new("L", image.size)
    ImageDraw.Draw(disc).ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    return Image.composite(image, Image.new("RGB", image.size), disc)


# Degradations by field of `Robustness`, with their strengths from mild to strong; for brightness,
# dark and bright.
SETTINGS: dict[str, tuple[Degrade, tuple[float, ...]]] = {
    "blur": (blur, (0.005, 0.01, 0.02)),
    "jpeg": (jpeg, (50, 20, 10)),
    "brightness": (brightness, (0.5, 0.75, 1.25, 1.5)),
    "rotation": (rotation, (45, 90, 180)),
    "hair": (hair, (5, 15, 40)),
    "noise": (noise, (10,)),
    "black_frame": (frame, (1.0,)),
}


class Figures(Struct, frozen=True):
    """Figures of the same images, degraded in one way or unaltered."""

    balanced_accuracy: Interval
    difference: Interval  # of balanced accuracy to the unaltered images, paired by lesion
    malignancy_sensitivity: Interval
    malignancy_specificity: Interval
    in_distribution: float | None  # share accepted by the detector; None: no detector


class AtStrength(Figures, frozen=True):
    """Figures at one strength of one kind of degradation; see the functions of `SETTINGS`."""

    strength: float


class Robustness(Struct, frozen=True, rename={"black_frame": "black frame"}):
    """Figures of the unaltered images, and of each degradation by strength.

    Earlier releases lack some of the kinds.
    """

    none: Figures
    blur: tuple[AtStrength, ...] = ()
    jpeg: tuple[AtStrength, ...] = ()
    brightness: tuple[AtStrength, ...] = ()
    rotation: tuple[AtStrength, ...] = ()
    hair: tuple[AtStrength, ...] = ()
    noise: tuple[AtStrength, ...] = ()
    black_frame: tuple[AtStrength, ...] = ()

    def rows(self) -> list[tuple[str, Figures]]:
        """Name and figures of each setting, for a table."""
        rows: list[tuple[str, Figures]] = [("none", self.none)]
        for kind in SETTINGS:
            found: tuple[AtStrength, ...] = getattr(self, kind)
            title = kind.replace("_", " ")
            rows.extend((f"{title} {figures.strength:g}", figures) for figures in found)
        return rows


def report(classifier: Classifier, undisturbed: Answers, seed: int) -> Robustness:
    """Classify the images of ``undisturbed`` again with every degradation of `SETTINGS`."""

    def at(degrade: Degrade, strength: float) -> AtStrength:
        answers = _degraded(classifier, undisturbed.records, degrade, strength, seed)
        figures = _figures(answers, undisturbed, seed)
        return AtStrength(**{**msgspec.structs.asdict(figures), "strength": strength})

    degraded = {
        kind: tuple(at(degrade, strength) for strength in strengths)
        for kind, (degrade, strengths) in SETTINGS.items()
    }
    return Robustness(_figures(undisturbed, undisturbed, seed), **degraded)


def _degraded(
    classifier: Classifier,
    records: tuple[Record, ...],
    degrade: Degrade,
    strength: float,
    seed: int,
) -> Answers:
    def change(image: Image.Image, index: int) -> Image.Image:
        # Seeded by image, so that strength and thread do not change an image's random numbers.
        return degrade(image, strength, np.random.default_rng((seed, index)))

    return collect(classifier, records, change)


def _figures(answers: Answers, undisturbed: Answers, seed: int) -> Figures:
    weights = metrics.resampled_weights(answers.lesions, seed)
    accuracy, before = (
        metrics.balanced_accuracies(one.predicted, weights) for one in (answers, undisturbed)
    )
    rates = metrics.rates(answers.flagged, answers.malignant, weights)
    passed = answers.in_distribution
    return Figures(
        balanced_accuracy=metrics.interval(accuracy),
        difference=metrics.interval(accuracy - before),
        malignancy_sensitivity=rates["sensitivity"],
        malignancy_specificity=rates["specificity"],
        in_distribution=None if passed is None else round(float(passed.mean()), 4),
    )
