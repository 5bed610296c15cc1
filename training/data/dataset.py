"""Reads and validates HAM10000, and images of other clinics to train on beside it.

Every record has an ``origin``: its collection, which stands for clinics and instruments.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from lesionlens.model.diagnoses import TAXONOMY

from . import image_files
from .file_hashes import FileHashes
from .problems import DatasetError as DatasetError
from .tables import rows as rows

# In the order of the model's outputs; serving reads the order from the manifest.
CLASSES = tuple(sorted(TAXONOMY))

METADATA_NAMES = ("HAM10000_metadata.csv", "HAM10000_metadata.tab", "HAM10000_metadata")
REQUIRED_COLUMNS = ("lesion_id", "image_id", "dx")
HAM10000 = "ham10000"

# A selection of ISIC Archive images outside HAM10000. It has no lesion ids; images that may show
# the same lesion share a ``group``.
ARCHIVE_TABLE = "labels.csv"
ARCHIVE_COLUMNS = ("image_id", "dx", "origin", "group")
# The page's examples: three CC0 images of ISIC UDA-1 (nevus, melanoma, nevus), chosen by eye for a
# centred lesion without a frame. They are in no part of the split.
EXAMPLES = ("ISIC_0000060", "ISIC_0000157", "ISIC_0000027")


@dataclass(frozen=True)
class Record:
    """One image of a lesion; fields that are empty in the table stay empty."""

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
    """Labelled images."""

    records: tuple[Record, ...]
    # SHA-256 of the labels and of the bytes of every image.
    fingerprint: str

    @property
    def labels(self) -> NDArray[np.int64]:
        """(N,) indices into `CLASSES`."""
        return np.array([CLASSES.index(record.dx) for record in self.records], dtype=np.int64)

    @property
    def lesions(self) -> NDArray[np.str_]:
        """(N,) lesion id of each image."""
        return np.array([record.lesion_id for record in self.records])

    @property
    def origins(self) -> NDArray[np.str_]:
        """(N,) origin of each image."""
        return np.array([record.origin for record in self.records])

    def subset(self, indices: NDArray[np.int64]) -> tuple[Record, ...]:
        """The records at (M,) indices, in their order."""
        return tuple(self.records[index] for index in indices)


def read(root: Path, hashes: Path | None = None) -> Dataset:
    """Read the data set in ``root``, in any of the layouts in which HAM10000 is distributed.

    The table and the images may be in subfolders of ``root``. ``hashes``: cache file of image
    hashes (`FileHashes`). Raises DatasetError as `parse` does, and if there is no table or it lacks
    columns.
    """
    names = [name.lower() for name in METADATA_NAMES]
    tables = [path for path in root.rglob("*") if path.name.lower() in names and path.is_file()]
    if not tables:
        raise DatasetError(
            [f"{root} and its folders hold none of {', '.join(METADATA_NAMES)}, in capitals or not"]
        )
    table = min(tables, key=lambda path: (len(path.parts), names.index(path.name.lower())))
    return _parse_folder(rows(table, REQUIRED_COLUMNS), root, hashes)


def read_archive(root: Path, hashes: Path | None = None) -> Dataset:
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
    return _parse_folder(kept, root, hashes, one_diagnosis=False)


def _parse_folder(
    table: Sequence[dict[str, str]], root: Path, hashes: Path | None, one_diagnosis: bool = True
) -> Dataset:
    files = image_files.find(root)
    looked_for = image_files.looked_for(root, image_files.JPEG, len(files))
    return parse(table, files, looked_for, one_diagnosis, FileHashes(hashes))


def combine(first: Dataset, second: Dataset) -> Dataset:
    """Return the records of ``first`` followed by those of ``second``.

    Raises DatasetError if an image id is in both.
    """
    ids = {record.image_id for record in first.records}
    twice = [record.image_id for record in second.records if record.image_id in ids]
    if twice:
        raise DatasetError([f"image {image_id} is in both data sets" for image_id in twice])
    both = hashlib.sha256(f"{first.fingerprint},{second.fingerprint}".encode()).hexdigest()
    return Dataset((*first.records, *second.records), both)


def parse(
    table: Sequence[dict[str, str]],
    files: dict[str, Path],
    looked_for: str = "",
    one_diagnosis: bool = True,
    hashes: FileHashes | None = None,
) -> Dataset:
    """Build a data set from the rows of a table and the image files by id.

    ``looked_for``: where images were searched for, as error messages say it. Raises DatasetError,
    which lists every duplicate id, unknown ``dx``, missing image and, with ``one_diagnosis``,
    lesion with two diagnoses.
    """
    records: list[Record] = []
    problems: list[str] = []
    seen: set[str] = set()
    missing = False
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
            missing = True
        else:
            rest = {key: row.get(key) or "" for key in ("dx_type", "age", "sex", "localization")}
            origin = row.get("origin") or HAM10000
            records.append(Record(image_id, lesion_id, dx, files[image_id], **rest, origin=origin))
    if not seen:
        problems.append("the table has no rows")
    if missing and looked_for:
        problems.insert(0, looked_for)
    if problems:
        raise DatasetError(problems)
    records.sort(key=lambda record: record.image_id)
    return Dataset(tuple(records), _fingerprint(records, hashes or FileHashes(None)))


def class_shares(labels: NDArray[np.int64], classes: int, power: float) -> NDArray[np.float64]:
    """(classes,) share of each class among the sampled images, proportional to count**power."""
    counts = np.bincount(labels, minlength=classes).astype(np.float64)
    weights = np.where(counts > 0, counts**power, 0)
    shares: NDArray[np.float64] = weights / weights.sum()
    return shares


def distribution(dataset: Dataset) -> dict[str, tuple[int, int]]:
    """Number of images and of lesions of each class, most images first."""
    images = Counter(record.dx for record in dataset.records)
    lesions = Counter({record.lesion_id: record.dx for record in dataset.records}.values())
    return {dx: (count, lesions[dx]) for dx, count in images.most_common()}


def _fingerprint(records: Sequence[Record], hashes: FileHashes) -> str:
    digest = hashlib.sha256()
    for record in tqdm(records, "hashing", unit="image", leave=False):
        image = hashes.sha256(record.path)
        digest.update(f"{record.image_id},{record.lesion_id},{record.dx},{image}\n".encode())
    hashes.save()
    return digest.hexdigest()
