"""How far an image is from the dermatoscopic ones that the network was trained on.

The Mahalanobis distance of the network's own averages over the image, in the space of their
principal components: Lee et al., "A Simple Unified Framework for Detecting Out-of-Distribution
Samples and Adversarial Attacks", NeurIPS 2018. `training.evaluation.ood_fit` fits and measures it.
"""

import io
import zipfile
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .manifest import ReleaseError


@dataclass(frozen=True)
class Detector:
    """``mean`` (F,) and ``projection`` (F, K) whiten the features of dermatoscopic images."""

    mean: NDArray[np.float32]
    projection: NDArray[np.float32]

    def scores(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Distance (…) of (…, F) features, as a multiple of the typical one: about 1 at home."""
        whitened = (features - self.mean) @ self.projection
        distance: NDArray[np.float32] = np.sqrt((whitened**2).mean(axis=-1))
        return distance

    def write(self) -> bytes:
        """The detector as a file of a release."""
        buffer = io.BytesIO()
        np.savez(buffer, mean=self.mean, projection=self.projection)
        return buffer.getvalue()

    @classmethod
    def read(cls, data: bytes) -> "Detector":
        """Raises ReleaseError if ``data`` is not what `write` wrote."""
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
                mean, projection = arrays["mean"], arrays["projection"]
        except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise ReleaseError(f"the detector cannot be read: {error}") from None
        if mean.ndim != 1 or projection.ndim != 2 or len(projection) != len(mean):
            raise ReleaseError(
                f"the detector has a mean of {mean.shape} and a projection of {projection.shape}"
            )
        return cls(mean.astype(np.float32), projection.astype(np.float32))
