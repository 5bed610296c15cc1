"""A local folder that behaves like a folder of a Cloud Storage bucket."""

import fcntl
import os
import time
from pathlib import Path

from .object_store import ABSENT, NotFound, PreconditionFailed, StorageError, Stored, check_size


class FileStore:
    """A `Store` in a folder; an object's generation is its modification time in nanoseconds."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def read(self, name: str, at_most: int) -> Stored:
        """Return a file of at most ``at_most`` bytes. Raises StorageError, NotFound."""
        try:
            with (self.root / name).open("rb") as file:
                status = os.fstat(file.fileno())
                check_size(name, status.st_size, at_most)
                return Stored(file.read(), status.st_mtime_ns)
        except FileNotFoundError:
            raise NotFound(f"{self.root / name} does not exist") from None
        except OSError as error:
            raise StorageError(f"{self.root / name} cannot be read: {error}") from error

    def write(self, name: str, data: bytes, generation: int) -> None:
        """Replace a file atomically, under a lock on the whole folder; see `Store.write`."""
        path = self.root / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with (self.root / ".lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                present = path.stat().st_mtime_ns if path.exists() else ABSENT
                if present != generation:
                    raise PreconditionFailed(f"{path} is not what it was expected to be")
                partial = path.with_name(f".{path.name}.partial")
                partial.write_bytes(data)
                # Clocks of file systems are coarse: two writes must not share a generation.
                now = max(time.time_ns(), present + 1)
                os.utime(partial, ns=(now, now))
                partial.replace(path)
        except OSError as error:
            raise StorageError(f"{path} cannot be written: {error}") from error

    def folders(self) -> list[str]:
        """Return the names of the top-level folders, sorted; none if the root does not exist."""
        if not self.root.is_dir():
            return []
        return sorted(path.name for path in self.root.iterdir() if path.is_dir())

    def names(self) -> list[str]:
        """Return the paths of all files below the root, sorted, except those named ``.…``.

        Raises NotFound if the root does not exist.
        """
        if not self.root.is_dir():
            raise NotFound(f"{self.root} is no folder")
        # Names that start with a dot belong to the system, or to this class (its lock).
        files = (
            path
            for path in self.root.rglob("*")
            if path.is_file() and not path.name.startswith(".")
        )
        return sorted(path.relative_to(self.root).as_posix() for path in files)
