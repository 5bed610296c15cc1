"""Augmentation as the paper names it (rotation, flips, zoom, shifts), and changes of the light.

All randomness comes from the generator that is passed in, so that a batch is a function of the
seed, the epoch and its place in it: a run that is resumed sees what it would have seen.
"""

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..config import Augmentation


def augment(
    frame: NDArray[np.uint8], size: int, settings: Augmentation, random: np.random.Generator
) -> NDArray[np.float32]:
    """Sample a (size, size, 3) float32 image in [0, 255] from an (H, W, 3) uint8 frame."""
    matrix = _sampling_matrix(frame.shape[0], frame.shape[1], size, settings, random)
    # Outside the frame is black, as the corners of many dermatoscopic images are.
    sampled = Image.fromarray(frame).transform(
        (size, size), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR
    )
    pixels = np.asarray(sampled, np.float32)
    gain = 1 + random.uniform(-settings.colour, settings.colour, 3)
    contrast = 1 + random.uniform(-settings.contrast, settings.contrast)
    brightness = 255 * random.uniform(-settings.brightness, settings.brightness)
    middle = pixels.mean()
    scale = (gain * contrast).astype(np.float32)
    offset = np.float32(middle * (1 - contrast) + brightness)
    return np.asarray(np.clip(pixels * scale + offset, 0, 255))


def mix(
    images: NDArray[np.float32],
    labels: NDArray[np.float32],
    settings: Augmentation,
    random: np.random.Generator,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mix (N, S, S, 3) images and (N, C) one-hot labels with those of the reversed batch.

    Source: Zhang et al., "mixup: Beyond Empirical Risk Minimization", ICLR 2018.
    """
    if not settings.mixup:
        return images, labels
    share = random.beta(settings.mixup, settings.mixup, len(labels)).astype(np.float32)
    # The larger share is the image's own: pairs are then not drawn twice.
    share = np.maximum(share, 1 - share)
    across = share[:, None, None, None]
    mixed = images * across + images[::-1] * (1 - across)
    return mixed, labels * share[:, None] + labels[::-1] * (1 - share[:, None])


def _sampling_matrix(
    height: int, width: int, size: int, settings: Augmentation, random: np.random.Generator
) -> tuple[float, ...]:
    """The affine map (a, b, c, d, e, f) from pixels of the output to pixels of the frame."""
    short = min(height, width)
    angle = math.radians(random.uniform(-settings.rotation_degrees, settings.rotation_degrees))
    step = short * random.uniform(*settings.zoom) / size
    cosine, sine = step * math.cos(angle), step * math.sin(angle)
    across = -1 if settings.flip_horizontal and random.random() < 0.5 else 1
    down = -1 if settings.flip_vertical and random.random() < 0.5 else 1
    a, b, d, e = across * cosine, -down * sine, across * sine, down * cosine
    shift_x, shift_y = random.uniform(-settings.shift, settings.shift, 2) * short
    c = width / 2 + shift_x - (a + b) * size / 2
    f = height / 2 + shift_y - (d + e) * size / 2
    return a, b, c, d, e, f
