"""Finds the image files of a folder and its subfolders."""

from collections.abc import Collection
from pathlib import Path

from .problems import DatasetError

JPEG = (".jpg", ".jpeg")


def find(folder: Path, suffixes: Collection[str] = JPEG) -> dict[str, Path]:
    """Return files by name without suffix, subfolders included; suffixes match in any case.

    Hidden files, such as macOS creates, are ignored. Raises DatasetError if two files have one
    name.
    """
    files: dict[str, Path] = {}
    problems = []
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.suffix.lower() not in suffixes or hidden or not path.is_file():
            continue
        former = files.setdefault(path.stem, path)
        if former != path:
            names = " and ".join(str(one.relative_to(folder)) for one in (former, path))
            problems.append(f"{names} are both images of {path.stem}")
    if problems:
        raise DatasetError(problems)
    return files


def looked_for(folder: Path, suffixes: Collection[str], found: int) -> str:
    """Return the sentence with which an error about missing images begins."""
    return (
        f"looked for {', '.join(suffixes)}, in capitals or not, in {folder} and its folders: "
        f"{found} image(s) there"
    )
