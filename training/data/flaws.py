"""Flaws of real photographs, for augmentation: light, blur, noise, JPEG, hair, frames, rulers."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from ..config import Augmentation, Chance

Pixels = NDArray[np.uint8]
# Number of points of a hair's curve; fractional bits of their coordinates.
HAIR_POINTS, HAIR_SHIFT = 8, 3
# Probability that the hairs of an image are pale rather than dark.
PALE = 0.25
# Width over which the edge of a black surround fades, as a share of its radius.
SOFT_EDGE = 0.03


def apply(square: Pixels, settings: Augmentation, random: np.random.Generator) -> Pixels:
    """Apply random flaws to an (S, S, 3) RGB image, in the order in which a camera adds them."""
    made = square
    for chance, flaw in (
        (settings.ruler, _ruler),
        (settings.hair, _hair),
        (settings.corners, black_surround),
        (settings.bars, _bars),
        (settings.blur, _blur),
    ):
        strength = _drawn_strength(chance, random)
        if strength is not None:
            made = flaw(made, strength, random)
    made = _light(made, settings, random)
    for chance, flaw in ((settings.noise, _noise), (settings.jpeg, _jpeg)):
        strength = _drawn_strength(chance, random)
        if strength is not None:
            made = flaw(made, strength, random)
    return made


def _drawn_strength(chance: Chance, random: np.random.Generator) -> float | None:
    """Draw a strength, or None for no flaw; both consume the same random numbers."""
    drawn, strength = random.random(), random.uniform(chance.low, chance.high)
    return strength if drawn < chance.probability else None


def _light(square: Pixels, settings: Augmentation, random: np.random.Generator) -> Pixels:
    """Gamma, exposure, white balance, contrast and brightness as one lookup table per channel."""
    exponent = math.exp(random.uniform(-settings.gamma, settings.gamma))
    exposure = math.exp(random.uniform(-settings.exposure, settings.exposure))
    gain = exposure * (1 + random.uniform(-settings.colour, settings.colour, 3))
    contrast = 1 + random.uniform(-settings.contrast, settings.contrast)
    brightness = 255 * random.uniform(-settings.brightness, settings.brightness)
    middle = float(square.mean())
    values = 255 * (np.arange(256) / 255) ** exponent
    table = middle + contrast * (values[:, None] * gain - middle) + brightness
    return np.asarray(cv2.LUT(square, np.clip(np.rint(table), 0, 255).astype(np.uint8)[None]))


def _blur(square: Pixels, strength: float, random: np.random.Generator) -> Pixels:
    return np.asarray(cv2.GaussianBlur(square, (0, 0), max(strength * len(square), 0.1)))


def _noise(square: Pixels, strength: float, random: np.random.Generator) -> Pixels:
    noise = random.standard_normal(square.shape, np.float32) * np.float32(strength)
    return np.clip(square + noise, 0, 255).astype(np.uint8)


def _jpeg(square: Pixels, strength: float, random: np.random.Generator) -> Pixels:
    # OpenCV expects BGR; with the right order, chroma is subsampled as in real JPEG files.
    quality = [cv2.IMWRITE_JPEG_QUALITY, round(strength)]
    _, coded = cv2.imencode(".jpg", square[..., ::-1], quality)
    return np.ascontiguousarray(np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR))[..., ::-1])


def _hair(square: Pixels, strength: float, random: np.random.Generator) -> Pixels:
    """Draw about ``strength`` curved hairs, up to 1.5% of the side wide."""
    drawn, side = square.copy(), len(square)
    step = np.linspace(-0.5, 0.5, HAIR_POINTS)
    pale = random.random() < PALE
    middle = np.array([200, 190, 170] if pale else [40, 30, 25])
    tone = [float(value) for value in middle + random.integers(-20, 21, 3)]
    for _ in range(max(1, round(strength))):
        x, y = random.uniform(0, 1, 2) * side
        angle, bend = random.uniform(0, 2 * math.pi), random.uniform(-0.4, 0.4)
        length = random.uniform(0.3, 1.3) * side
        along, across = length * step, length * bend * (4 * step**2)
        turned_x = x + along * math.cos(angle) - across * math.sin(angle)
        turned_y = y + along * math.sin(angle) + across * math.cos(angle)
        points = np.stack([turned_x, turned_y], axis=1) * 2**HAIR_SHIFT
        thick = max(1, round(random.uniform(0.002, 0.015) * side))
        cv2.polylines(
            drawn,
            [points.astype(np.int32)],
            isClosed=False,
            color=tone,
            thickness=thick,
            lineType=cv2.LINE_AA,
            shift=HAIR_SHIFT,
        )
    return drawn


def black_surround(square: Pixels, strength: float, random: np.random.Generator) -> Pixels:
    """Leave a disc of diameter ``strength``, as a dermatoscope's round field of view does."""
    side = len(square)
    radius = strength * side / 2
    x, y = side / 2 + random.uniform(-0.05, 0.05, 2) * side
    places = np.arange(side, dtype=np.float32)
    distance = np.hypot(places - np.float32(x), (places - np.float32(y))[:, None])
    fade = np.clip((radius - distance) / (SOFT_EDGE * radius), 0, 1)
    dark = random.uniform(0, 25)
    return np.asarray(square * fade[..., None] + dark * (1 - fade[..., None]), np.uint8)


def _bars(square: Pixels, strength: float, random: np.random.Generator) -> Pixels:
    """Blacken two opposite sides, as letterboxing does."""
    drawn, width = square.copy(), max(1, round(strength * len(square)))
    if random.random() < 0.5:
        drawn[:width] = drawn[-width:] = 0
    else:
        drawn[:, :width] = drawn[:, -width:] = 0
    return drawn


def _ruler(square: Pixels, strength: float, random: np.random.Generator) -> Pixels:
    """Draw the marks of a ruler along one side, every fifth longer."""
    drawn, side = square.copy(), len(square)
    across = random.random() < 0.5
    depth, start = random.uniform(0, 0.15) * side, random.uniform(0, strength) * side
    tone = int(random.integers(0, 80)) if random.random() < 0.7 else int(random.integers(200, 256))
    length = random.uniform(0.03, 0.06) * side
    far = random.random() < 0.5
    for mark, place in enumerate(np.arange(start, side, max(strength * side, 3.0))):
        end = depth + length * (1.6 if mark % 5 == 0 else 1)
        reach = [round(side - 1 - x if far else x) for x in (depth, end)]
        first, last = [(x, round(place)) if across else (round(place), x) for x in reach]
        cv2.line(drawn, first, last, (tone, tone, tone), max(1, side // 200), cv2.LINE_AA)
    return drawn
