"""The kind of an image: dermatoscopic, a close-up of skin without a dermatoscope, or other.

Both parts of the detector use activations of inner layers, averaged over the image. A linear
classifier separates the three kinds that it was trained on (outlier exposure, Hendrycks et al.,
"Deep Anomaly Detection with Outlier Exposure", ICLR 2019). The Mahalanobis distance from
dermatoscopic images, in the space of their principal components, rejects kinds that the training
did not have (Lee et al., "A Simple Unified Framework for Detecting Out-of-Distribution Samples and
Adversarial Attacks", NeurIPS 2018). An image is dermatoscopic if both accept it.
`training.evaluation.ood_fit` fits and evaluates them.
"""

import io
import zipfile
from dataclasses import dataclass

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from .manifest import ReleaseError

DERMATOSCOPIC, CLOSE_UP, OTHER = KINDS = ("dermatoscopic", "close-up", "other")


@dataclass(frozen=True)
class Recognition:
    """``kind``: one of `KINDS`; ``distance``: at least 0, about 1 for dermatoscopic images."""

    kind: str
    distance: float

    @property
    def in_distribution(self) -> bool:
        """Whether the image is dermatoscopic, as the training images are."""
        return self.kind == DERMATOSCOPIC


@dataclass(frozen=True)
class Detector:
    """The fitted detector, a file of the release; all arrays are float32.

    ``mean`` (F,) and ``projection`` (F, K) whiten the features of dermatoscopic images; ``weights``
    (F, 3) and ``bias`` (3,) give the logits of `KINDS`.
    """

    mean: NDArray[np.float32]
    projection: NDArray[np.float32]
    weights: NDArray[np.float32]
    bias: NDArray[np.float32]

    def distances(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the distance (…) of (…, F) features, as a multiple of the typical distance."""
        whitened = (features - self.mean) @ self.projection
        distance: NDArray[np.float32] = np.sqrt((whitened**2).mean(axis=-1))
        return distance

    def logits(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the logits (…, 3) of `KINDS` for (…, F) features."""
        return np.asarray((features - self.mean) @ self.weights + self.bias)

    def recognize(
        self, features: NDArray[np.float32], farthest: float, least_log_odds: float
    ) -> Recognition:
        """Return the kind of an image by its (F,) features.

        Dermatoscopic images have at most the distance ``farthest`` and at least ``least_log_odds``.
        """
        distance, logits = self.distances(features), self.logits(features)
        accepted = distance <= farthest and log_odds(logits) >= least_log_odds
        # The likelier of the two other kinds, also if only the distance rejects the image.
        refused = CLOSE_UP if logits[1] > logits[2] else OTHER
        return Recognition(DERMATOSCOPIC if accepted else refused, float(distance))

    def write(self) -> bytes:
        """Serialize the detector to a file of a release."""
        buffer = io.BytesIO()
        mean, projection, weights, bias = (
            np.ascontiguousarray(getattr(self, name), "<f4") for name in _FIELDS
        )
        np.savez(buffer, mean=mean, projection=projection, weights=weights, bias=bias)
        return buffer.getvalue()

    @classmethod
    def read(cls, data: bytes) -> "Detector":
        """Read what `write` returned. Raises ReleaseError for anything else.

        No allocation depends on a size in a header: the arrays are not compressed, and are views of
        the bytes in ``data``.
        """
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                arrays = {name: _array(archive, name) for name in _FIELDS[:2]}
                # Releases that predate the classifier have only the distance.
                with_classifier = bool({"weights.npy", "bias.npy"} & set(archive.namelist()))
                for name in _FIELDS[2:] if with_classifier else ():
                    arrays[name] = _array(archive, name)
        # For malformed input, the parsers of zip files and array headers raise many exceptions.
        except Exception as error:
            raise ReleaseError(f"the detector cannot be read: {error}") from None
        count, components = len(arrays["mean"]), arrays["projection"].shape[-1]
        silent = np.zeros((count, len(KINDS)), np.float32)
        read = cls(**{"weights": silent, "bias": silent[0], **arrays})
        expected = {
            "mean": (count,),
            "projection": (count, components),
            "weights": (count, len(KINDS)),
            "bias": (len(KINDS),),
        }
        for name, shape in expected.items():
            array = getattr(read, name)
            if array.shape != shape or not array.size:
                raise ReleaseError(f"the detector's {name} has shape {array.shape}, not {shape}")
            if not np.isfinite(array).all():
                raise ReleaseError(f"the detector's {name} is not finite everywhere")
        return read


_FIELDS = ("mean", "projection", "weights", "bias")


def log_odds(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the dermatoscopic logit minus the larger of the others: (…) of (…, 3) logits."""
    return np.asarray(logits[..., 0] - logits[..., 1:].max(axis=-1))


def _array(archive: zipfile.ZipFile, name: str) -> NDArray[np.float32]:
    """Read an uncompressed float32 array. Raises ValueError, KeyError, BadZipFile."""
    member = archive.getinfo(f"{name}.npy")
    if member.compress_type != zipfile.ZIP_STORED or member.flag_bits & 1:
        raise ValueError(f"{name} is compressed or encrypted")
    stored = io.BytesIO(archive.read(member))
    if npy.read_magic(stored) != (1, 0):
        raise ValueError(f"{name} is of another version of the format")
    shape, by_column, kind = npy.read_array_header_1_0(stored)
    if kind != np.dtype("<f4") or by_column or len(shape) not in (1, 2) or min(shape) < 0:
        raise ValueError(f"{name} holds {kind} of shape {shape}; expected float32 row by row")
    return np.frombuffer(stored.read(), "<f4").reshape(shape)
