import io
import struct
import zipfile

import numpy as np
import pytest

from lesionlens.model.manifest import ReleaseError
from lesionlens.model.ood import CLOSE_UP, DERMATOSCOPIC, OTHER, Detector, log_odds

DETECTOR = Detector(
    mean=np.array([1.0, 2.0], np.float32),
    projection=np.array([[0.5, 0.0], [0.0, 2.0]], np.float32),
    # The first feature is evidence for close-ups, the second for other pictures.
    weights=np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], np.float32),
    bias=np.array([3.0, 0.0, 0.0], np.float32),
)
ARRAYS = {name: getattr(DETECTOR, name) for name in ("mean", "projection", "weights", "bias")}


def test_the_distance_is_the_root_mean_square_of_the_whitened_features() -> None:
    found = DETECTOR.distances(np.array([[1.0, 2.0], [3.0, 2.0], [1.0, 3.0]], np.float32))
    np.testing.assert_allclose(found, [0, np.sqrt(1 / 2), np.sqrt(4 / 2)], rtol=1e-6)


def test_the_log_odds_are_those_against_the_likelier_of_the_others() -> None:
    logits = DETECTOR.logits(np.array([[1.0, 2.0], [3.0, 2.0], [1.0, 7.0]], np.float32))
    np.testing.assert_allclose(log_odds(logits), [3, 1, -2], rtol=1e-6)


@pytest.mark.parametrize(
    ("features", "kind"),
    [
        ((1.0, 2.0), DERMATOSCOPIC),
        ((3.0, 2.0), DERMATOSCOPIC),
        # At the limits: a distance of 2, log-odds of 1.
        ((3.0, 3.0), DERMATOSCOPIC),
        ((3.001, 2.0), CLOSE_UP),
        ((1.0, 7.0), OTHER),
        # Dermatoscopic by the classifier, but not by the distance.
        ((-20.0, 2.0), OTHER),
        ((-20.0, -30.0), CLOSE_UP),
        ((np.nan, 2.0), OTHER),
    ],
)
def test_dermatoscopic_is_what_both_limits_let_pass(
    features: tuple[float, float], kind: str
) -> None:
    farthest = float(DETECTOR.distances(np.array([3.0, 3.0], np.float32)))
    found = DETECTOR.recognize(np.array(features, np.float32), farthest, least_log_odds=1.0)
    assert found.kind == kind
    assert found.in_distribution is (kind == DERMATOSCOPIC)


def test_what_is_written_is_read() -> None:
    # For any memory layout of the arrays.
    by_column = Detector(**{name: np.asfortranarray(array) for name, array in ARRAYS.items()})
    read = Detector.read(by_column.write())
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(getattr(read, name), array)


def test_older_detectors_decide_by_the_distance_alone() -> None:
    read = Detector.read(saved(weights=None, bias=None))
    near, far = (np.array(features, np.float32) for features in ((1.0, 2.0), (9.0, 2.0)))
    assert read.recognize(near, farthest=1.5, least_log_odds=0).kind == DERMATOSCOPIC
    assert read.recognize(far, farthest=1.5, least_log_odds=0).kind == OTHER


def saved(**changed: np.ndarray | None) -> bytes:
    """A detector's file with some arrays changed or missing."""
    buffer = io.BytesIO()
    arrays = {name: array for name, array in {**ARRAYS, **changed}.items() if array is not None}
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def zipped(content: bytes, compression: int = zipfile.ZIP_STORED) -> bytes:
    """A detector's file in which every array has these bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name in ARRAYS:
            archive.writestr(f"{name}.npy", content)
    return buffer.getvalue()


def claiming(header: str) -> bytes:
    """An array of eight bytes with this header."""
    text = header.encode("latin1") + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + bytes(8)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "cannot be read"),
        (b"not a detector", "cannot be read"),
        (DETECTOR.write()[:-30], "cannot be read"),
        (saved(bias=None), "cannot be read"),
        (saved(mean=np.zeros(2)), "mean holds float64"),
        (saved(mean=np.array([object()])), "cannot be read"),
        (saved(projection=np.arange(4, dtype=np.float32).reshape(2, 2).T), "expected float32 row"),
        (saved(mean=np.zeros(3, np.float32)), r"projection has shape \(2, 2\), not \(3, 2\)"),
        (saved(mean=np.zeros((), np.float32)), r"mean holds float32 of shape \(\)"),
        (saved(mean=np.zeros((2, 1), np.float32)), r"mean has shape \(2, 1\)"),
        (saved(weights=np.zeros((2, 2), np.float32)), r"weights has shape \(2, 2\), not \(2, 3\)"),
        (saved(bias=np.zeros(2, np.float32)), r"bias has shape \(2,\), not \(3,\)"),
        (saved(projection=np.zeros((2, 0), np.float32)), r"projection has shape \(2, 0\)"),
        (saved(bias=np.array([0, np.nan, 0], np.float32)), "bias is not finite"),
        (saved(mean=np.array([0, np.inf], np.float32)), "mean is not finite"),
        # Neither the claimed size nor the decompressed size may determine memory.
        (zipped(bytes(50_000_000), zipfile.ZIP_DEFLATED), "compressed"),
        (zipped(claiming(str({"descr": "<f4", "fortran_order": False, "shape": (2**40,)}))),
         "cannot be read"),
        (zipped(claiming(str({"descr": "<f4", "fortran_order": False, "shape": (-2,)}))),
         "cannot be read"),
        (zipped(claiming("(" * 9000)), "cannot be read"),
        (zipped(b"\x93NUMPY\x03\x00" + bytes(40)), "another version"),
    ],
)  # fmt: skip
def test_what_is_no_detector_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(ReleaseError, match=message):
        Detector.read(data)
