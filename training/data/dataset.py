"""HAM10000, and images of other clinics beside it: tables and images, read and checked.

Every record names its ``origin``: the collection, hence the clinics and instruments, it is from.
"""

import csv
import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from lesionlens.model.diagnoses import TAXONOMY

# The order of the outputs of a model trained here; serving reads it from the manifest.
CLASSES = tuple(sorted(TAXONOMY))

METADATA_NAMES = ("HAM10000_metadata.csv", "HAM10000_metadata.tab", "HAM10000_metadata")
IMAGE_FOLDERS = ("images", "HAM10000_images_part_1", "HAM10000_images_part_2", ".")
REQUIRED_COLUMNS = ("lesion_id", "image_id", "dx")
HAM10000 = "ham10000"

# A selection of the ISIC Archive outside of HAM10000; its lesions carry no ids, and images that may
# show the same lesion share a ``group``.
ARCHIVE_TABLE, ARCHIVE_IMAGES = "labels.csv", "images"
ARCHIVE_COLUMNS = ("image_id", "dx", "origin", "group")
# Three CC0 images of ISIC UDA-1 (a nevus, a melanoma, another nevus), chosen by eye for a centred
# lesion without a frame, that the page shows as examples: in no part of the split.
EXAMPLES = ("ISIC_0000060", "ISIC_0000157", "ISIC_0000027")

# More problems than this are counted, not listed.
LISTED_PROBLEMS = 20


class DatasetError(Exception):
    """The data set cannot be used; the message lists what is wrong with it."""

    def __init__(self, problems: Sequence[str]) -> None:
        listed = "\n".join(f"  - {problem}" for problem in problems[:LISTED_PROBLEMS])
        rest = len(problems) - LISTED_PROBLEMS
        more = f"\n  … and {rest} more" if rest > 0 else ""
        super().__init__(f"the data set has {len(problems)} problem(s):\n{listed}{more}")
        self.problems = tuple(problems)


@dataclass(frozen=True)
class Record:
    """One image of one lesion; what the table leaves empty stays empty."""

    image_id: str
    lesion_id: str
    dx: str
    path: Path
    dx_type: str = ""
    age: str = ""
    sex: str = ""
    localization: str = ""
    origin: str = HAM10000


@dataclass(frozen=True)
class Dataset:
    records: tuple[Record, ...]
    # SHA-256 over the table's labels and the bytes of every image.
    fingerprint: str

    @property
    def labels(self) -> NDArray[np.int64]:
        """(N,) indices into `CLASSES`."""
        return np.array([CLASSES.index(record.dx) for record in self.records], dtype=np.int64)

    @property
    def lesions(self) -> NDArray[np.str_]:
        return np.array([record.lesion_id for record in self.records])

    @property
    def origins(self) -> NDArray[np.str_]:
        """(N,) collection that each image is from."""
        return np.array([record.origin for record in self.records])

    def subset(self, indices: NDArray[np.int64]) -> tuple[Record, ...]:
        return tuple(self.records[index] for index in indices)


def read(root: Path) -> Dataset:
    """Read the data set in ``root``, in any of the layouts in which HAM10000 is distributed.

    Raises DatasetError as `parse` does, or if there is no table or it lacks columns.
    """
    table = next((root / name for name in METADATA_NAMES if (root / name).is_file()), None)
    if table is None:
        raise DatasetError([f"{root} holds none of {', '.join(METADATA_NAMES)}"])
    files = {path.stem: path for folder in IMAGE_FOLDERS for path in (root / folder).glob("*.jpg")}
    return parse(rows(table, REQUIRED_COLUMNS), files)


def read_archive(root: Path) -> Dataset:
    """Read the selection of the ISIC Archive in ``root``, without the page's `EXAMPLES`.

    An image's group stands for its lesion. Raises DatasetError as `read` does.
    """
    table = root / ARCHIVE_TABLE
    if not table.is_file():
        raise DatasetError([f"{root} holds no {ARCHIVE_TABLE}"])
    kept = [row for row in rows(table, ARCHIVE_COLUMNS) if row["image_id"] not in EXAMPLES]
    for row in kept:
        # Groups may span collections. The prefix keeps them apart from HAM10000's lesions.
        row["lesion_id"] = f"isic_archive:{row['group']}"
    files = {path.stem: path for path in (root / ARCHIVE_IMAGES).glob("*.jpg")}
    return parse(kept, files, one_diagnosis=False)


def combine(first: Dataset, second: Dataset) -> Dataset:
    """Both data sets, the records of ``first`` in front.

    Raises DatasetError if an image id stands in both.
    """
    ids = {record.image_id for record in first.records}
    twice = [record.image_id for record in second.records if record.image_id in ids]
    if twice:
        raise DatasetError([f"image {image_id} is in both data sets" for image_id in twice])
    both = hashlib.sha256(f"{first.fingerprint},{second.fingerprint}".encode()).hexdigest()
    return Dataset((*first.records, *second.records), both)


def parse(
    table: Sequence[dict[str, str]], files: dict[str, Path], one_diagnosis: bool = True
) -> Dataset:
    """Make a data set of a table's rows and its images by id.

    Raises DatasetError with everything that is wrong: a duplicate id, an unknown ``dx``, a missing
    image and, with ``one_diagnosis``, a lesion with two.
    """
    records: list[Record] = []
    problems: list[str] = []
    seen: set[str] = set()
    diagnosis: dict[str, str] = {}
    for line, row in enumerate(table, start=2):
        lesion_id, image_id, dx = (row[column] for column in REQUIRED_COLUMNS)
        if image_id in seen:
            problems.append(f"line {line}: duplicate image id {image_id}")
            continue
        seen.add(image_id)
        if dx not in TAXONOMY:
            problems.append(f"line {line}: unknown dx {dx!r}; known are {', '.join(CLASSES)}")
        elif one_diagnosis and diagnosis.setdefault(lesion_id, dx) != dx:
            problems.append(
                f"line {line}: lesion {lesion_id} is both {diagnosis[lesion_id]} and {dx}"
            )
        elif image_id not in files:
            problems.append(f"line {line}: there is no image {image_id}")
        else:
            rest = {key: row.get(key) or "" for key in ("dx_type", "age", "sex", "localization")}
            origin = row.get("origin") or HAM10000
            records.append(Record(image_id, lesion_id, dx, files[image_id], **rest, origin=origin))
    if not seen:
        problems.append("the table has no rows")
    if problems:
        raise DatasetError(problems)
    records.sort(key=lambda record: record.image_id)
    return Dataset(tuple(records), _fingerprint(records))


def rows(table: Path, required: Sequence[str]) -> list[dict[str, str]]:
    """Read a table separated by commas or tabs. Raises DatasetError if columns are missing."""
    text = table.read_text(encoding="utf-8-sig")
    delimiter = "\t" if "\t" in text.partition("\n")[0] else ","
    reader = csv.DictReader(text.splitlines(), delimiter=delimiter)
    missing = [name for name in required if name not in (reader.fieldnames or ())]
    if missing:
        raise DatasetError([f"{table.name} lacks the column(s) {', '.join(missing)}"])
    read = list(reader)
    short = [number for number, row in enumerate(read, 2) if None in row.values()]
    if short:
        raise DatasetError([f"line {number}: too few columns" for number in short])
    return read


def class_shares(labels: NDArray[np.int64], classes: int, power: float) -> NDArray[np.float64]:
    """(classes,) share of each class among the drawn images, proportional to count**power."""
    counts = np.bincount(labels, minlength=classes).astype(np.float64)
    weights = np.where(counts > 0, counts**power, 0)
    shares: NDArray[np.float64] = weights / weights.sum()
    return shares


def distribution(dataset: Dataset) -> dict[str, tuple[int, int]]:
    """Number of images and of lesions of each class, most images first."""
    images = Counter(record.dx for record in dataset.records)
    lesions = Counter({record.lesion_id: record.dx for record in dataset.records}.values())
    return {dx: (count, lesions[dx]) for dx, count in images.most_common()}


def _fingerprint(records: Sequence[Record]) -> str:
    digest = hashlib.sha256()
    for record in tqdm(records, "hashing", unit="image", leave=False):
        image = hashlib.sha256(record.path.read_bytes()).hexdigest()
        digest.update(f"{record.image_id},{record.lesion_id},{record.dx},{image}\n".encode())
    return digest.hexdigest()
