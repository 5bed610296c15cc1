"""Augmentation: the paper's rotation, flips, zoom and shifts, and the flaws of real photographs.

A square of the frame is sampled at the frame's own resolution. Hair, black surrounds, rulers, blur,
light, noise and JPEG artefacts are applied at that resolution; the square is then resampled to the
input size with serving's antialiasing filter. All pixels are uint8.

All randomness comes from the generator passed in, so that a batch is a function of seed, epoch and
index: a resumed run sees the same batches as an uninterrupted one.
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..config import Augmentation
from . import flaws

# The cores are busy with batch workers and the network; threads of OpenCV would only compete.
cv2.setNumThreads(1)


def augment(
    frame: NDArray[np.uint8], size: int, settings: Augmentation, random: np.random.Generator
) -> NDArray[np.uint8]:
    """Sample a (size, size, 3) image from an (H, W, 3) RGB frame."""
    square = _sample(frame, settings, random)
    if random.random() >= settings.clean:
        square = flaws.apply(square, settings, random)
    # Serving's filter: its width grows with the reduction, which prevents aliasing.
    resized = Image.fromarray(square).resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(resized)


def mix(
    images: NDArray[np.float32],
    labels: NDArray[np.float32],
    settings: Augmentation,
    random: np.random.Generator,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mix (N, S, S, 3) images and their (N, K) soft labels with those of the reversed batch.

    Source: Zhang et al., "mixup: Beyond Empirical Risk Minimization", ICLR 2018.
    """
    if not settings.mixup:
        return images, labels
    share = random.beta(settings.mixup, settings.mixup, len(labels)).astype(np.float32)
    # Each image keeps the larger share, or both mixtures of a pair could be the same.
    share = np.maximum(share, 1 - share)
    across = share[:, None, None, None]
    mixed = images * across + images[::-1] * (1 - across)
    return mixed, labels * share[:, None] + labels[::-1] * (1 - share[:, None])


def _sample(
    frame: NDArray[np.uint8], settings: Augmentation, random: np.random.Generator
) -> NDArray[np.uint8]:
    """Sample a rotated, mirrored, shifted, stretched square at the frame's resolution."""
    height, width = frame.shape[:2]
    short = min(height, width)
    side = max(1, round(short * random.uniform(*settings.zoom)))
    angle = math.radians(random.uniform(-settings.rotation_degrees, settings.rotation_degrees))
    stretch = math.exp(random.uniform(-settings.aspect, settings.aspect) / 2)
    across = -stretch if settings.flip_horizontal and random.random() < 0.5 else stretch
    down = -1 / stretch if settings.flip_vertical and random.random() < 0.5 else 1 / stretch
    shift_x, shift_y = random.uniform(-settings.shift, settings.shift, 2) * short
    cosine, sine = math.cos(angle), math.sin(angle)
    # Maps pixels of the square to pixels of the frame; pixel centres have integer coordinates.
    linear = np.array([[across * cosine, -down * sine], [across * sine, down * cosine]])
    centre = np.array([(width - 1) / 2 + shift_x, (height - 1) / 2 + shift_y])
    offset = centre - linear @ np.full(2, (side - 1) / 2)
    mirrored = random.random() < settings.mirrored
    sampled = cv2.warpAffine(
        frame,
        np.column_stack([linear, offset]),
        (side, side),
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REFLECT_101 if mirrored else cv2.BORDER_CONSTANT,
    )
    return np.asarray(sampled, np.uint8)
