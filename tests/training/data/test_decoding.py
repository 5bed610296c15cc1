import shutil
from pathlib import Path

import numpy as np
import pytest

from lesionlens.imaging.model_input import Preprocessing
from tests.pictures import JPEG
from training.data import dataset, decoding
from training.data.dataset import Dataset, DatasetError

PLAIN = Preprocessing(32)


def test_unreadable_files_are_listed(drawings: Path, tmp_path: Path) -> None:
    root = shutil.copytree(drawings, tmp_path / "data")
    broken = min((root / "images").iterdir())
    broken.write_bytes(JPEG[:5000])
    read = dataset.read(root)
    with pytest.raises(DatasetError, match=rf"{broken.name} cannot be read: .* ends too early"):
        decoding.cached(read, 40, 30, PLAIN, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_frames_are_cached_once_for_data_size_and_options(drawn: Dataset, tmp_path: Path) -> None:
    first = decoding.cached(drawn, 40, 30, PLAIN, tmp_path)
    assert first.shape == (len(drawn.records), 30, 40, 3)
    np.testing.assert_array_equal(first, decoding.frames(drawn.records, 40, 30, PLAIN))
    (path,) = tmp_path.iterdir()
    written = path.stat().st_mtime_ns
    decoding.cached(drawn, 40, 30, PLAIN, tmp_path)
    assert path.stat().st_mtime_ns == written
    decoding.cached(drawn, 40, 30, Preprocessing(32, colour_constancy=True), tmp_path)
    decoding.cached(drawn, 30, 30, PLAIN, tmp_path)
    assert len(list(tmp_path.iterdir())) == 3
