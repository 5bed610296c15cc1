from pathlib import Path

import numpy as np
import pytest

from training.data import tables
from training.data.dataset import CLASSES
from training.data.problems import DatasetError
from training.evaluation import isic

HEADER = "image,MEL,NV,BCC,AKIEC,BKL,DF,VASC\n"


def test_the_challenges_ground_truth_is_read(tmp_path: Path) -> None:
    truth = np.eye(7)[[CLASSES.index("vasc"), CLASSES.index("mel")]]
    isic.write(("x", "y"), truth, CLASSES, tmp_path / "truth.csv")
    read = tables.rows(tmp_path / "truth.csv", ("image_id", "dx"))
    assert read == [{"image_id": "x", "dx": "vasc"}, {"image_id": "y", "dx": "mel"}]


def test_columns_beside_the_classes_are_kept(tmp_path: Path) -> None:
    table = tmp_path / "truth.csv"
    table.write_text(HEADER.replace("image,", "image,lesion_id,") + "x,l1,0,1.0,0,0,0,0,0\n")
    (row,) = tables.rows(table, ("image_id", "dx", "lesion_id"))
    assert row == {"image_id": "x", "lesion_id": "l1", "dx": "nv"}


@pytest.mark.parametrize(
    ("text", "required", "message"),
    [
        (HEADER + "x,1,1,0,0,0,0,0\n", ("dx",), "line 2: not one class with 1"),
        (HEADER + "x,0,0,0,0,0,0,0\n", ("dx",), "line 2: not one class with 1"),
        (HEADER + "x,0.6,0.4,0,0,0,0,0\n", ("dx",), "line 2: not one class with 1"),
        (HEADER + "x,yes,0,0,0,0,0,0\n", ("dx",), "line 2: not one class with 1"),
        (HEADER + "x,1,0\n", ("dx",), "line 2: too few columns"),
        (HEADER + "x,1,0,0,0,0,0,0\n", ("dx", "lesion_id"), r"lacks the column\(s\) lesion_id"),
        ("image,MEL,NV\nx,1,0\n", ("dx",), r"lacks the column\(s\) dx; accepted are dx, or image"),
    ],
)
def test_invalid_tables_are_refused(
    text: str, required: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    (tmp_path / "truth.csv").write_text(text)
    with pytest.raises(DatasetError, match=message):
        tables.rows(tmp_path / "truth.csv", required)
