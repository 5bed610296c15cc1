"""Reads tables of labels (CSV or TSV) with a column for the class, or one-hot."""

import csv
from collections.abc import Sequence
from pathlib import Path

from lesionlens.model.diagnoses import TAXONOMY

from .problems import DatasetError

# Columns of the ISIC challenge's one-hot ground truth.
ONE_HOT = {label.upper(): label for label in TAXONOMY}
ONE_HOT_ID = "image"
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


def rows(table: Path, required: Sequence[str]) -> list[dict[str, str]]:
    """Read a table in UTF-8; one-hot tables are converted to ``image_id`` and ``dx``.

    Raises DatasetError for another encoding, and if columns or values are missing.
    """
    text = _text(table)
    delimiter = "\t" if "\t" in text.partition("\n")[0] else ","
    reader = csv.DictReader(text.splitlines(), delimiter=delimiter)
    columns = set(reader.fieldnames or ())
    if "dx" not in columns and columns >= {ONE_HOT_ID, *ONE_HOT}:
        return _from_one_hot(_complete(reader), required, table.name)
    _require(required, columns, table.name)
    return _complete(reader)


def _text(table: Path) -> str:
    data = table.read_bytes()
    if data.startswith(UTF16_MARKS) or b"\0" in data:
        raise DatasetError([f"{table.name} is in UTF-16, as it seems; accepted is text in UTF-8"])
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DatasetError([f"{table.name} is not text in UTF-8: {error}"]) from None


def _require(required: Sequence[str], columns: set[str], name: str) -> None:
    missing = [column for column in required if column not in columns]
    if missing:
        one_hot = ", ".join((ONE_HOT_ID, *ONE_HOT))
        raise DatasetError(
            [
                f"{name} lacks the column(s) {', '.join(missing)}; accepted are "
                f"{', '.join(required)}, or {one_hot} with 0 and 1"
            ]
        )


def _complete(reader: "csv.DictReader[str]") -> list[dict[str, str]]:
    read = list(reader)
    short = [number for number, row in enumerate(read, 2) if None in row.values()]
    if short:
        raise DatasetError([f"line {number}: too few columns" for number in short])
    return read


def _from_one_hot(
    read: list[dict[str, str]], required: Sequence[str], name: str
) -> list[dict[str, str]]:
    made, problems = [], []
    for number, row in enumerate(read, 2):
        rest = {column: value for column, value in row.items() if column not in ONE_HOT}
        try:
            values = {column: float(row[column]) for column in ONE_HOT}
        except ValueError:
            values = {}
        if sorted(values.values()) != [0] * (len(ONE_HOT) - 1) + [1]:
            problems.append(f"line {number}: not one class with 1 and the others with 0")
            continue
        (dx,) = (label for column, label in ONE_HOT.items() if values[column])
        made.append({"image_id": rest.pop(ONE_HOT_ID), **rest, "dx": dx})
    if problems:
        raise DatasetError(problems)
    _require(required, {*ONE_HOT, "image_id", "dx", *(made[0] if made else ())}, name)
    return made
