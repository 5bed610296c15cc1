"""What an object store is: named bytes, with generations that writers can compare."""

from dataclasses import dataclass
from typing import Protocol

# The generation of an object that does not exist, as in Cloud Storage's preconditions.
ABSENT = 0


class StorageError(Exception):
    """The store cannot be reached, or does not hold what was asked for."""


class NotFound(StorageError):
    """There is no such object."""


class PreconditionFailed(StorageError):
    """The object was changed by another writer in the meantime."""


@dataclass(frozen=True)
class Stored:
    """The content of one generation of an object."""

    data: bytes
    generation: int


class Store(Protocol):
    """A folder of objects, by names that are relative to it and may contain slashes."""

    def read(self, name: str, at_most: int) -> Stored:
        """Return an object of at most ``at_most`` bytes. Raises StorageError, NotFound."""

    def write(self, name: str, data: bytes, generation: int) -> None:
        """Write an object whose present generation is ``generation`` (or `ABSENT`).

        Raises PreconditionFailed and writes nothing if it is another, and StorageError.
        """

    def folders(self) -> list[str]:
        """Return the names of the top-level folders, sorted. Raises StorageError."""

    def names(self) -> list[str]:
        """Return the names of all objects, in folders too, sorted. Raises StorageError."""


def check_size(name: str, size: int, at_most: int) -> None:
    """Raise StorageError for an object of more than ``at_most`` bytes."""
    if size > at_most:
        raise StorageError(f"{name} has {size} bytes; at most {at_most} were expected")
