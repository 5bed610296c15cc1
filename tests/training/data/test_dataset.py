import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.pictures import JPEG
from training.data import dataset, image_files
from training.data.dataset import Dataset, DatasetError

HEADER = "lesion_id,image_id,dx,dx_type,age,sex,localization\n"


def folder(root: Path, rows: str, images: tuple[str, ...] = ("a", "b")) -> Path:
    (root / "images").mkdir(parents=True)
    for name in images:
        (root / "images" / f"{name}.jpg").write_bytes(JPEG)
    (root / "HAM10000_metadata.csv").write_text(HEADER + rows)
    return root


def test_records_are_read_with_what_the_table_leaves_empty(tmp_path: Path) -> None:
    read = dataset.read(folder(tmp_path, "l1,b,nv,histo,,male,back\nl2,a,mel,consensus,50.0,,\n"))
    first, second = read.records
    assert (first.image_id, first.dx, first.age, first.sex) == ("a", "mel", "50.0", "")
    assert (second.image_id, second.lesion_id, second.age) == ("b", "l1", "")
    assert read.labels.tolist() == [dataset.CLASSES.index("mel"), dataset.CLASSES.index("nv")]


def test_every_layout_of_the_archives_is_the_same_data(drawings: Path, tmp_path: Path) -> None:
    original = dataset.read(drawings)
    parts = tmp_path / "parts"
    for index, path in enumerate(sorted((drawings / "images").glob("*.jpg"))):
        part = parts / f"HAM10000_images_part_{1 + index % 2}"
        part.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, part)
    table = (drawings / "HAM10000_metadata.csv").read_text()
    (parts / "HAM10000_metadata.tab").write_text(table.replace(",", "\t"))
    assert dataset.read(parts).fingerprint == original.fingerprint
    (parts / "HAM10000_metadata.tab").rename(parts / "HAM10000_metadata")
    assert dataset.read(parts).fingerprint == original.fingerprint


@pytest.mark.parametrize(
    ("table", "images"),
    [
        ("HAM10000_metadata.csv", "images/{}.JPG"),
        ("ham10000_metadata.CSV", "ham10000_images_part_1/{}.jpeg"),
        ("dataverse_files/HAM10000_metadata.tab", "HAM10000_images_part_1/part_1/{}.Jpg"),
        ("HAM10000_metadata", "archive/HAM10000_images_part_2/{}.jpg"),
    ],
)
def test_archives_are_read_as_they_were_unpacked(
    table: str, images: str, drawings: Path, tmp_path: Path
) -> None:
    for path in (drawings / "images").iterdir():
        copy = tmp_path / images.format(path.stem)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    # macOS adds such a file to archives for every file.
    (tmp_path / f"._{path.name}").write_bytes(b"\0")
    (tmp_path / table).parent.mkdir(exist_ok=True)
    shutil.copy(drawings / "HAM10000_metadata.csv", tmp_path / table)
    assert dataset.read(tmp_path).fingerprint == dataset.read(drawings).fingerprint


def test_two_files_of_one_image_are_refused(drawings: Path, tmp_path: Path) -> None:
    shutil.copytree(drawings / "images", tmp_path / "images")
    shutil.copytree(drawings / "images", tmp_path / "part_1")
    shutil.copy(drawings / "HAM10000_metadata.csv", tmp_path)
    with pytest.raises(DatasetError, match=r"images/(.*)\.jpg and part_1/\1\.jpg are both images"):
        dataset.read(tmp_path)


def test_the_fingerprint_follows_labels_and_pixels(tmp_path: Path) -> None:
    rows = "l1,a,nv,,,,\nl2,b,mel,,,,\n"
    original = dataset.read(folder(tmp_path / "1", rows)).fingerprint
    relabelled = dataset.read(folder(tmp_path / "2", rows.replace("mel", "bcc"))).fingerprint
    changed = folder(tmp_path / "3", rows)
    (changed / "images" / "a.jpg").write_bytes(JPEG + b"\0")
    assert len({original, relabelled, dataset.read(changed).fingerprint}) == 3


def test_everything_that_is_wrong_is_listed_at_once(tmp_path: Path) -> None:
    rows = "l1,a,nv,,,,\nl1,a,nv,,,,\nl2,b,wart,,,,\nl1,c,mel,,,,\nl3,d,bkl,,,,\n"
    with pytest.raises(DatasetError) as caught:
        dataset.read(folder(tmp_path, rows, ("a", "b", "c")))
    assert caught.value.problems == (
        image_files.looked_for(tmp_path, (".jpg", ".jpeg"), found=3),
        "line 3: duplicate image id a",
        "line 4: unknown dx 'wart'; known are akiec, bcc, bkl, df, mel, nv, vasc",
        "line 5: lesion l1 is both nv and mel",
        "line 6: there is no image d",
    )
    assert "5 problem(s)" in str(caught.value)


def test_a_long_list_of_problems_is_cut(tmp_path: Path) -> None:
    rows = "".join(f"l{i},x{i},nv,,,,\n" for i in range(30))
    with pytest.raises(DatasetError, match="… and 11 more"):
        dataset.read(folder(tmp_path, rows))


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (None, "and its folders hold none of HAM10000_metadata.csv"),
        ("image_id,dx\n", "lacks the column\\(s\\) lesion_id"),
        (HEADER, "the table has no rows"),
        (HEADER + "l1,a\n", "line 2: too few columns"),
        ((HEADER + "l1,a,nv,,,,\n").encode("utf-16"), r"metadata\.csv is in UTF-16"),
        ((HEADER + "l1,a,nv,,,,\n").encode("utf-16-le"), r"metadata\.csv is in UTF-16"),
        ((HEADER + "é").encode("latin-1"), r"metadata\.csv is not text in UTF-8: .* 0xe9"),
    ],
)
def test_a_file_that_is_no_table_is_refused(
    tmp_path: Path, table: str | bytes | None, message: str
) -> None:
    if table is not None:
        data = table.encode() if isinstance(table, str) else table
        (tmp_path / "HAM10000_metadata.csv").write_bytes(data)
    with pytest.raises(DatasetError, match=message):
        dataset.read(tmp_path)


def test_the_distribution_counts_images_and_lesions(drawn: Dataset) -> None:
    counts = dataset.distribution(drawn)
    assert set(counts) == set(dataset.CLASSES)
    assert sum(images for images, _ in counts.values()) == 84
    assert sum(lesions for _, lesions in counts.values()) == len(set(drawn.lesions))


LABELS = np.array([0] * 80 + [1] * 16 + [2] * 4)


@pytest.mark.parametrize(
    ("power", "expected"), [(1, [0.8, 0.16, 0.04]), (0, [1 / 3] * 3), (0.5, [0.6, 0.268, 0.134])]
)
def test_class_shares(power: float, expected: list[float]) -> None:
    found = dataset.class_shares(LABELS, 3, power)
    np.testing.assert_allclose(found, expected, atol=0.03)
    assert found.sum() == pytest.approx(1)


def test_a_class_without_images_has_no_share() -> None:
    assert dataset.class_shares(LABELS, 4, 0)[3] == 0


ARCHIVE = "image_id,dx,origin,group,squashed,licence\n"


def archive(root: Path, rows: str) -> Path:
    (root / "images").mkdir(parents=True)
    for line in rows.splitlines():
        (root / "images" / f"{line.partition(',')[0]}.jpg").write_bytes(JPEG)
    (root / "labels.csv").write_text(ARCHIVE + rows)
    return root


def test_a_group_of_the_archive_stands_for_a_lesion_and_may_have_several_diagnoses(
    tmp_path: Path,
) -> None:
    read = dataset.read_archive(archive(tmp_path, "x,nv,Clinic A,G0,0,CC0\ny,mel,Clinic B,G0,0,\n"))
    assert read.lesions.tolist() == ["isic_archive:G0"] * 2
    assert read.origins.tolist() == ["Clinic A", "Clinic B"]


def test_the_examples_of_the_page_are_in_no_part(tmp_path: Path) -> None:
    rows = "".join(f"{name},nv,ISIC UDA-1,G0,0,CC0\n" for name in (*dataset.EXAMPLES, "other"))
    assert [r.image_id for r in dataset.read_archive(archive(tmp_path, rows)).records] == ["other"]


def test_combined_data_sets_keep_their_order(drawn: Dataset, tmp_path: Path) -> None:
    other = dataset.read_archive(archive(tmp_path, "A,nv,Clinic A,G0,0,CC0\n"))
    both = dataset.combine(drawn, other)
    assert both.records == (*drawn.records, *other.records)
    assert set(both.origins) == {dataset.HAM10000, "Clinic A"}
    assert len({both.fingerprint, drawn.fingerprint, other.fingerprint}) == 3
    with pytest.raises(DatasetError, match=r"image A is in both data sets"):
        dataset.combine(both, other)


def test_a_folder_that_is_no_archive_is_refused(drawings: Path) -> None:
    with pytest.raises(DatasetError, match=r"holds no labels\.csv"):
        dataset.read_archive(drawings)
