"""The image files of a folder, however its archives were unpacked."""

from collections.abc import Collection
from pathlib import Path

from .problems import DatasetError

JPEG = (".jpg", ".jpeg")


def find(folder: Path, suffixes: Collection[str] = JPEG) -> dict[str, Path]:
    """Files by the name without suffix, in ``folder`` and its folders; suffixes in any case.

    Raises DatasetError if two have the same name, unless one is hidden, as macOS leaves them.
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
    """What a message says where images are missing."""
    return (
        f"looked for {', '.join(suffixes)}, in capitals or not, in {folder} and its folders: "
        f"{found} image(s) there"
    )
