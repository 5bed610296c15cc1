"""The ISIC challenge's files of answers, which its own scorer (isic-challenge-scoring) reads."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

# The challenge's names of the classes, in the order of its columns; ours are the same in small.
COLUMNS = ("MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC")


def write(
    image_ids: Sequence[str], shares: NDArray[np.float64], classes: Sequence[str], path: Path
) -> None:
    """Write (N, C) probabilities, whose columns are ``classes``, as one row an image.

    The truth of N images is written the same way: one-hot.
    """
    order = [list(classes).index(name.lower()) for name in COLUMNS]
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("image", *COLUMNS))
        for image_id, row in zip(image_ids, shares[:, order], strict=True):
            # As many digits as it takes that no two probabilities of an image become equal.
            writer.writerow([image_id, *(repr(float(share)) for share in row)])
