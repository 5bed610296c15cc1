"""Writes submission files of the ISIC challenge, as its scorer (isic-challenge-scoring) reads."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

# The challenge's class names in the order of its columns; ours are the same in lower case.
COLUMNS = ("MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC")


def write(
    image_ids: Sequence[str], shares: NDArray[np.float64], classes: Sequence[str], path: Path
) -> None:
    """Write (N, C) probabilities of ``classes``, one row for each image.

    Ground truth has the same format, one-hot.
    """
    order = [list(classes).index(name.lower()) for name in COLUMNS]
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("image", *COLUMNS))
        for image_id, row in zip(image_ids, shares[:, order], strict=True):
            # Enough digits that no two different probabilities are rounded to the same value.
            writer.writerow([image_id, *(repr(float(share)) for share in row)])
