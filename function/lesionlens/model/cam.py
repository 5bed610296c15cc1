"""Class activation maps: which parts of an image speak for a class, from the same forward pass.

They are exact for this network: the mean of a map plus the bias of the class is its logit.

Source: Zhou et al., "Learning Deep Features for Discriminative Localization", CVPR 2016.
"""

import base64
import io
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..imaging.model_input import Prepared
from .result_document import Explanation, Region

if TYPE_CHECKING:
    from PIL import Image

OVERLAY_SIDE = 512  # longer side in pixels, at most
OPACITY = 0.75  # of the overlay where the activation is 1; 0 where it is 0

# RGB at eleven equal steps of matplotlib's "inferno", a perceptually uniform colour map (CC0).
_INFERNO = np.array(
    [
        (0, 0, 4), (22, 11, 57), (66, 10, 104), (106, 23, 110), (147, 38, 103), (188, 55, 84),
        (221, 81, 58), (243, 120, 25), (252, 165, 10), (246, 215, 70), (252, 255, 164),
    ]
)  # fmt: skip


def build(
    label: str,
    classes: tuple[str, ...],
    activation_maps: NDArray[np.float32],
    decoded: Prepared,
    with_overlay: bool = True,
) -> Explanation:
    """Return the explanation of the class ``label``.

    ``activation_maps``: (rows, columns, classes), in the order of ``classes``; ``with_overlay``:
    whether to draw the heat map as a PNG, too.
    """
    grid = normalized(activation_maps[..., classes.index(label)])
    document: Explanation = {
        "label": label,
        "method": "class-activation-map",
        "grid": [[round(float(value), 3) for value in row] for row in grid],
        "region": region(decoded.width, decoded.height),
    }
    if with_overlay:
        picture = _png(overlay(grid, decoded.width, decoded.height))
        document["overlay_png"] = base64.b64encode(picture).decode()
    return document


def normalized(activation: NDArray[np.float32]) -> NDArray[np.float64]:
    """Scale the positive part of a (rows, columns) map to [0, 1]; negative values become 0."""
    positive = np.maximum(activation.astype(np.float64), 0)
    peak = positive.max()
    return positive / peak if peak > 0 else positive


def region(width: int, height: int) -> Region:
    """Return the centred square that the model sees, in fractions of the upright image's sides."""
    side = min(width, height)
    return {
        "x": (width - side) / 2 / width,
        "y": (height - side) / 2 / height,
        "width": side / width,
        "height": side / height,
    }


def overlay(grid: NDArray[np.float64], width: int, height: int) -> "Image.Image":
    """Return a heat map to lay over the image: RGBA, with the aspect ratio of the image.

    ``grid``: (rows, columns) in [0, 1]; ``width`` and ``height``: those of the upright image.
    """
    # Imported on demand: most answers have no overlay.
    from PIL import Image

    scale = min(1.0, OVERLAY_SIDE / max(width, height))
    canvas = Image.new("RGBA", (max(1, round(width * scale)), max(1, round(height * scale))))
    side = min(canvas.size)
    heat = np.asarray(enlarged(grid, side), np.float64)
    position = heat * (len(_INFERNO) - 1)
    stops = np.arange(len(_INFERNO))
    colours = [np.interp(position, stops, _INFERNO[:, channel]) for channel in range(3)]
    pixels = np.stack([*colours, 255 * OPACITY * heat], axis=-1)
    corner = ((canvas.width - side) // 2, (canvas.height - side) // 2)
    canvas.paste(Image.fromarray(np.rint(pixels).astype(np.uint8), "RGBA"), corner)
    return canvas


def enlarged(grid: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    """Enlarge a grid to (side, side) by bilinear interpolation; values stay in [0, 1]."""
    rows, columns = (np.clip(_centres(n, side), 0, n - 1) for n in grid.shape)
    across = np.array([np.interp(columns, np.arange(grid.shape[1]), row) for row in grid])
    down = [np.interp(rows, np.arange(grid.shape[0]), column) for column in across.T]
    return np.array(down).T


def _centres(cells: int, side: int) -> NDArray[np.float64]:
    """The centres (side,) of ``side`` pixels in the coordinates of ``cells`` cells."""
    centres: NDArray[np.float64] = (np.arange(side) + 0.5) * cells / side - 0.5
    return centres


def _png(image: "Image.Image") -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
