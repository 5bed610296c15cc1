"""Fits the detector that separates dermatoscopic images from close-ups and other pictures.

The distance is fitted to dermatoscopic training images alone, unaltered and in a black surround;
the classifier of the three kinds to training pictures of every kind. Both limits are set on
dermatoscopic validation images.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from sklearn.linear_model import LogisticRegression

from lesionlens.model.ood import KINDS, Detector, log_odds

Mask = NDArray[np.bool_]

# Shares of validation images that must pass each limit, with equal weights for origins.
PASS_DISTANCE = 0.99
PASS_LOG_ODDS = 0.97
COMPONENTS = 64  # principal components of the distance
# Components are estimated from several images each.
IMAGES_A_COMPONENT = 4
# Strength of the classifier's L2 penalty relative to its mean loss; the solver's tolerance.
PENALTY = 1 / 400
TOLERANCE, STEPS = 1e-3, 300
# Lower bound of a feature's standard deviation, as a share of the largest one.
LEAST_SPREAD = 1e-2


@dataclass(frozen=True)
class Shown:
    """Features and properties of N pictures, in arrays (N, …); see `kinds.Picture`."""

    features: NDArray[np.float32]  # (N, F)
    kinds: NDArray[np.str_]
    origins: NDArray[np.str_]
    groups: NDArray[np.str_]
    parts: NDArray[np.str_]
    altered: Mask  # True for altered copies
    framed: Mask  # True for copies in a black surround

    @property
    def untouched(self) -> Mask:
        """(N,) True for pictures that are no copies."""
        return ~self.altered & ~self.framed

    def subset(self, chosen: Mask) -> "Shown":
        """Select pictures by a mask (N,)."""
        return Shown(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))


@dataclass(frozen=True)
class Fitted:
    """A detector with its limits."""

    detector: Detector
    farthest: float  # distance
    least_log_odds: float

    def accepts(self, features: NDArray[np.float32]) -> Mask:
        """(N,) whether pictures with (N, F) features are accepted as dermatoscopic."""
        near = self.detector.distances(features) <= self.farthest
        likely = log_odds(self.detector.logits(features)) >= self.least_log_odds
        return np.asarray(near & likely)


def fit(training: Shown, validation: Shown) -> Fitted:
    """Fit the detector to pictures of all kinds; set its limits on unaltered dermatoscopic ones.

    For the classifier each kind has a weight of a third, distributed over its origins by the square
    root of their numbers of pictures. Raises ValueError if a kind is missing.
    """
    kinds = np.array([KINDS.index(kind) for kind in training.kinds])
    if missing := sorted(set(KINDS) - set(training.kinds.tolist())):
        raise ValueError(f"there are no pictures to teach the kind {missing[0]!r}")
    dermatoscopic = training.features[(kinds == 0) & ~training.altered].astype(np.float64)
    mean, spread = dermatoscopic.mean(axis=0), dermatoscopic.std(axis=0)
    # A channel that is always 0 would be divided by 0, or dominate where it is not.
    spread = np.maximum(spread, LEAST_SPREAD * max(float(spread.max()), 1e-9))
    variances, directions = _principal((dermatoscopic - mean) / spread, COMPONENTS)
    projection = directions / np.sqrt(np.maximum(variances, 1e-9)) / spread[:, None]

    standard = ((training.features - mean) / spread).astype(np.float32)
    classifier = LogisticRegression(C=1 / (PENALTY * len(kinds)), tol=TOLERANCE, max_iter=STEPS)
    classifier.fit(standard, kinds, sample_weight=_weights(kinds, training.origins))
    detector = Detector(
        mean.astype(np.float32),
        projection.astype(np.float32),
        (classifier.coef_.T / spread[:, None]).astype(np.float32),
        classifier.intercept_.astype(np.float32),
    )
    weights = _alike(validation.origins)
    distances = detector.distances(validation.features)
    odds = log_odds(detector.logits(validation.features))
    return Fitted(
        detector,
        _round_up(_quantile(distances, weights, PASS_DISTANCE)),
        -_round_up(_quantile(-odds, weights, PASS_LOG_ODDS)),
    )


def _principal(
    values: NDArray[np.float64], components: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Variances (K,) and directions (F, K) of the first principal components of (N, F) values."""
    count = values.shape[1]
    kept = min(components, count, max(1, len(values) // IMAGES_A_COMPONENT))
    covariance = np.cov(values, rowvar=False)
    variances, directions = eigh(covariance, subset_by_index=(count - kept, count - 1))
    return variances[::-1], directions[:, ::-1]


def _weights(kinds: NDArray[np.int64], origins: NDArray[np.str_]) -> NDArray[np.float64]:
    """(N,) weights of mean 1: a third for each kind, by the square root of an origin's size."""
    _, origin_of, numbers = np.unique(origins, return_inverse=True, return_counts=True)
    weights = 1 / np.sqrt(numbers[origin_of])
    shares = np.bincount(kinds, weights)
    return np.asarray(weights / shares[kinds] * len(kinds) / len(shares))


def _alike(origins: NDArray[np.str_]) -> NDArray[np.float64]:
    """(N,) weights with the same sum for every origin."""
    _, origin_of, numbers = np.unique(origins, return_inverse=True, return_counts=True)
    return np.asarray(1 / numbers[origin_of])


def _quantile(
    values: NDArray[np.float32], weights: NDArray[np.float64], share: float
) -> NDArray[np.float64]:
    """The smallest value at or below which ``share`` of the weight lies."""
    order = np.argsort(values)
    reached = np.cumsum(weights[order]) / weights.sum()
    place = min(int(np.searchsorted(reached, share)), len(values) - 1)
    return np.asarray(values[order[place]], np.float64)


def _round_up(value: NDArray[np.float64]) -> float:
    return float(np.ceil(value * 1e4) / 1e4)
