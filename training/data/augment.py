"""Augmentation: the paper's rotation, flips, zoom and shifts, and the flaws of people's pictures.

A square of the frame is sampled at the frame's own resolution; hair, black surrounds, rulers, blur,
light, noise and JPEG befall it there, and it is then resampled to the input size by the same filter
as in serving, antialiased. All of it works on uint8.

All randomness comes from the generator that is passed in, so that a batch is a function of the
seed, the epoch and its place in it: a run that is resumed sees what it would have seen.
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..config import Augmentation
from . import flaws

# The generator and the network have the processor's cores; OpenCV's own threads would only queue.
cv2.setNumThreads(1)


def augment(
    frame: NDArray[np.uint8], size: int, settings: Augmentation, random: np.random.Generator
) -> NDArray[np.uint8]:
    """Sample a (size, size, 3) image from an (H, W, 3) RGB frame."""
    square = _sample(frame, settings, random)
    if random.random() >= settings.clean:
        square = flaws.apply(square, settings, random)
    # Serving's filter: a triangle as wide as the step, so that what shrinks does not alias.
    resized = Image.fromarray(square).resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(resized)


def mix(
    images: NDArray[np.float32],
    labels: NDArray[np.float32],
    settings: Augmentation,
    random: np.random.Generator,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mix (N, S, S, 3) images, and (N, K) shares that go with them, with the reversed batch's.

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


def _sample(
    frame: NDArray[np.uint8], settings: Augmentation, random: np.random.Generator
) -> NDArray[np.uint8]:
    """A turned, mirrored, shifted, stretched square of the frame, at the frame's resolution."""
    height, width = frame.shape[:2]
    short = min(height, width)
    side = max(1, round(short * random.uniform(*settings.zoom)))
    angle = math.radians(random.uniform(-settings.rotation_degrees, settings.rotation_degrees))
    stretch = math.exp(random.uniform(-settings.aspect, settings.aspect) / 2)
    across = -stretch if settings.flip_horizontal and random.random() < 0.5 else stretch
    down = -1 / stretch if settings.flip_vertical and random.random() < 0.5 else 1 / stretch
    shift_x, shift_y = random.uniform(-settings.shift, settings.shift, 2) * short
    cosine, sine = math.cos(angle), math.sin(angle)
    # From pixels of the square to pixels of the frame; pixels' centres are whole numbers.
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
