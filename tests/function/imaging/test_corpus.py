"""Third-party test files: decoded like OpenCV, decoded differently, or refused.

CORPUS_DIR is a folder of them, such as the test images of Pillow, pillow_heif and pydicom; `pytest
-s` shows the counts. Without it the test creates a few files.
"""

import os
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from lesionlens.errors import ImageProblem, UnsupportedType
from lesionlens.imaging import decoder_pool, preprocess
from lesionlens.imaging.model_input import Preprocessing
from tests.dicom import photograph
from tests.pictures import dermatoscopic, encoded

RULE = Preprocessing(64)
MOST_BYTES = 20 * 1024 * 1024
# Permitted mean difference of two decoders at 64 pixels a side, in levels of 255.
SAME = 6


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    if "CORPUS_DIR" in os.environ:
        return Path(os.environ["CORPUS_DIR"])
    for name in ("jpeg", "png", "webp", "bmp", "tiff"):
        (tmp_path / f"a.{name}").write_bytes(encoded(dermatoscopic(160, 120), name.upper()))
    (tmp_path / "a.dcm").write_bytes(photograph())
    (tmp_path / "a.txt").write_text("text")
    return tmp_path


def outcome(data: bytes) -> str:
    """Decode a file; return the outcome. Exceptions other than Problem fail the test."""
    try:
        prepared = decoder_pool.shared.prepare(data, RULE)
    except (ImageProblem, UnsupportedType) as problem:
        return f"refused: {problem.title}"
    expected = twin(data)
    if expected is None:
        return "answered, without a twin"
    difference = np.abs(expected.astype(int) - prepared.pixels).mean()
    return "answered as the twin" if difference <= SAME else "answered, differs from the twin"


def twin(data: bytes) -> np.ndarray | None:
    """The picture decoded by OpenCV, over white, in the same geometry; None if it cannot."""
    try:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        if picture is not None and picture.shape[2:] != (4,):
            picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        return None
    if picture is None:
        return None
    eight_bits = picture.astype(np.uint16) >> 8 if picture.dtype == np.uint16 else picture
    rgb = eight_bits[..., 2::-1].astype(float)
    if picture.shape[2] == 4:
        alpha = eight_bits[..., 3:] / 255
        rgb = rgb * alpha + 255 * (1 - alpha)
    upright = Image.fromarray(np.rint(rgb).astype(np.uint8))
    return preprocess.frame(upright, RULE.size, RULE.size, RULE)


def test_every_file_is_answered_or_refused(corpus: Path) -> None:
    counts: Counter[str] = Counter()
    differing = []
    files = [path for path in sorted(corpus.rglob("*")) if path.is_file()]
    for path in files:
        if 0 < path.stat().st_size <= MOST_BYTES:
            found = outcome(path.read_bytes())
            counts[found] += 1
            if "differs" in found:
                differing.append(str(path.relative_to(corpus)))
    print(*(f"{count:5} {name}" for name, count in counts.most_common()), sep="\n")
    print("differ:", *differing)
    assert sum(counts.values()) > 0
    if "CORPUS_DIR" not in os.environ:
        assert counts["answered as the twin"] == 5
        assert counts["refused: Undecodable image"] == 1
