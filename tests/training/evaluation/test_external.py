import json
import shutil
from pathlib import Path

import pytest

from tests.conftest import RELEASES
from tests.pictures import JPEG
from training.__main__ import main
from training.data.dataset import DatasetError
from training.evaluation import external


def written(folder: Path, table: str | bytes, images: tuple[str, ...] = ("a.jpg", "b.png")) -> Path:
    """Write images and a table; return the table's path."""
    (folder / "images").mkdir(parents=True)
    for name in images:
        (folder / "images" / name).write_bytes(JPEG)
    labels = folder / "labels.csv"
    labels.write_bytes(table if isinstance(table, bytes) else table.encode())
    return labels


def test_without_lesion_ids_every_image_is_its_own_lesion(tmp_path: Path) -> None:
    labels = written(tmp_path, "image_id,dx\na,mel\nb,nv\n")
    read = external.read(tmp_path / "images", labels)
    assert [(r.image_id, r.lesion_id, r.dx) for r in read.records] == [
        ("a", "a", "mel"),
        ("b", "b", "nv"),
    ]
    assert read.records[1].path.name == "b.png"


def test_the_columns_of_ham10000_are_read(drawings: Path) -> None:
    read = external.read(drawings / "images", drawings / "HAM10000_metadata.csv")
    assert len(read.records) == 84
    assert len(set(read.lesions)) == 42
    assert read.records[0].sex == "female"


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("image,label\na,mel\n", "labels.csv lacks the column(s) image_id, dx"),
        ("image_id,dx\na,wart\n", "line 2: unknown dx 'wart'; known are akiec, bcc"),
        ("image_id,dx\nc,mel\n", "line 2: there is no image c"),
        ("image_id,dx\na,mel\na,mel\n", "line 3: duplicate image id a"),
        ("image_id,lesion_id,dx\na,l,mel\nb,l,nv\n", "line 3: lesion l is both mel and nv"),
        ("image_id,dx\n", "the table has no rows"),
        ("image_id,dx\na,mel\n".encode("utf-16"), "labels.csv is in UTF-16"),
        (b"image_id,dx\na,\xe9\n", "labels.csv is not text in UTF-8"),
    ],
)
def test_what_is_wrong_with_the_labels_is_told(
    table: str | bytes, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = written(tmp_path, table)
    images = str(tmp_path / "images")
    assert main(["evaluate", "--images", images, "--labels", str(labels)]) == 1
    assert message in capsys.readouterr().err


def test_two_files_with_one_name_are_refused(tmp_path: Path) -> None:
    labels = written(tmp_path, "image_id,dx\na,mel\n", ("a.jpg", "a.png"))
    with pytest.raises(DatasetError, match=r"a\.jpg and a\.png are both images of a"):
        external.read(tmp_path / "images", labels)


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("--images", "--images and --labels go together"),
        ("--labels", "--images and --labels go together"),
        (None, "nowhere is no folder of images"),
    ],
)
def test_both_images_and_labels_are_needed(
    missing: str | None, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = {"--images": str(tmp_path / "nowhere"), "--labels": str(tmp_path / "labels.csv")}
    given.pop(missing, None)
    assert main(["evaluate", *[word for pair in given.items() for word in pair]]) == 1
    assert message in capsys.readouterr().err


def test_a_release_is_judged_on_any_labelled_set(
    drawings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(drawings / "images", tmp_path / "atlas" / "images")
    # Only two classes occur: the figures of the others are undefined.
    rows = (drawings / "HAM10000_metadata.csv").read_text().splitlines()
    kept = [row for row in rows[1:] if row.split(",")[2] in ("mel", "nv")]
    labels = tmp_path / "atlas" / "labels.csv"
    labels.write_text("\n".join([rows[0], *kept]) + "\n")
    result = tmp_path / "out" / "atlas.json"
    sources = ("--images", str(tmp_path / "atlas" / "images"), "--labels", str(labels))
    store = ("--store", RELEASES.as_uri(), "--json", str(result))
    assert main(["evaluate", *sources, *store]) == 0
    printed = capsys.readouterr().out
    found = json.loads(result.read_text(), parse_constant=pytest.fail)
    assert found["metrics"]["images"] == len(kept) == 24
    assert found["metrics"]["per_class"]["bcc"]["sensitivity"]["value"] is None
    assert found["metrics"]["per_class"]["mel"]["sensitivity"]["value"] is not None
    assert f"atlas: 24 images of {found['metrics']['lesions']} lesions" in printed
    assert "undefined" in printed
    header, *answers = (tmp_path / "out" / "atlas.csv").read_text().splitlines()
    assert header == "image,MEL,NV,BCC,AKIEC,BKL,DF,VASC"
    assert len(answers) == 24
