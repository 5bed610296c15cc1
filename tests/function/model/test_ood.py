import io

import numpy as np
import pytest

from lesionlens.model.manifest import ReleaseError
from lesionlens.model.ood import Detector

DETECTOR = Detector(
    np.array([1.0, 2.0], np.float32), np.array([[0.5, 0.0], [0.0, 2.0]], np.float32)
)


def test_the_score_is_the_root_mean_square_of_the_whitened_features() -> None:
    found = DETECTOR.scores(np.array([[1.0, 2.0], [3.0, 2.0], [1.0, 3.0]], np.float32))
    np.testing.assert_allclose(found, [0, np.sqrt(1 / 2), np.sqrt(4 / 2)], rtol=1e-6)


def test_what_is_written_is_read() -> None:
    read = Detector.read(DETECTOR.write())
    np.testing.assert_array_equal(read.mean, DETECTOR.mean)
    np.testing.assert_array_equal(read.projection, DETECTOR.projection)


def saved(**arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "cannot be read"),
        (b"not a detector", "cannot be read"),
        (saved(mean=np.zeros(2)), "cannot be read"),
        (saved(mean=np.zeros(3), projection=np.zeros((2, 2))), r"mean of \(3,\)"),
        (saved(mean=np.array([object()]), projection=np.zeros((1, 1))), "cannot be read"),
    ],
)
def test_what_is_no_detector_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(ReleaseError, match=message):
        Detector.read(data)
