"""Object storage: ``gs://BUCKET/FOLDER``, or a folder ``file:///…`` that behaves like one."""

import fcntl
import gc
import os
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote, urlsplit

from . import quick_reader

if TYPE_CHECKING:
    from google.cloud.storage import Bucket

CONNECT_TIMEOUT_S = 5
READ_TIMEOUT_S = 20
# A request waits for the model: an early 503 can be retried, a client that timed out cannot.
RETRY_FOR_S = 10

# The precondition "there is no such object yet", as Cloud Storage writes it.
ABSENT = 0


class StorageError(Exception):
    """The store cannot be reached, or does not hold what was asked for."""


class NotFound(StorageError):
    """There is no such object."""


class PreconditionFailed(StorageError):
    """Somebody else wrote the object first."""


@dataclass(frozen=True)
class Stored:
    """The bytes of one generation of an object."""

    data: bytes
    generation: int


class Store(Protocol):
    def read(self, name: str, at_most: int) -> Stored:
        """Return an object of at most ``at_most`` bytes. Raises StorageError, NotFound."""

    def write(self, name: str, data: bytes, generation: int) -> None:
        """Write an object whose present generation is ``generation`` (or `ABSENT`).

        Raises PreconditionFailed and writes nothing if it is another.
        """

    def folders(self) -> list[str]:
        """Names of the top-level folders, sorted."""

    def names(self) -> list[str]:
        """Names of all objects, in folders too, sorted. Raises StorageError."""


def open_store(uri: str) -> Store:
    """Return the store at a ``gs://`` or ``file://`` address. Raises ValueError for any other."""
    parts = urlsplit(uri)
    if parts.scheme == "file":
        return FileStore(Path(unquote(parts.path)))
    if parts.scheme == "gs" and parts.netloc:
        return CloudStore(parts.netloc, parts.path.strip("/"))
    raise ValueError(f"{uri!r} is no store; accepted are gs://BUCKET/FOLDER and file:///FOLDER")


class FileStore:
    """A folder. An object's generation is its time of modification, in nanoseconds."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def read(self, name: str, at_most: int) -> Stored:
        try:
            with (self.root / name).open("rb") as file:
                status = os.fstat(file.fileno())
                _check_size(name, status.st_size, at_most)
                return Stored(file.read(), status.st_mtime_ns)
        except FileNotFoundError:
            raise NotFound(f"{self.root / name} does not exist") from None
        except OSError as error:
            raise StorageError(f"{self.root / name} cannot be read: {error}") from error

    def write(self, name: str, data: bytes, generation: int) -> None:
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
        if not self.root.is_dir():
            return []
        return sorted(path.name for path in self.root.iterdir() if path.is_dir())

    def names(self) -> list[str]:
        if not self.root.is_dir():
            raise NotFound(f"{self.root} is no folder")
        # Names that start with a dot belong to the system, or are this class's lock.
        files = (
            path
            for path in self.root.rglob("*")
            if path.is_file() and not path.name.startswith(".")
        )
        return sorted(path.relative_to(self.root).as_posix() for path in files)


class CloudStore:
    """A folder of a Cloud Storage bucket; credentials and emulator come from the environment."""

    def __init__(self, bucket: str, folder: str) -> None:
        self.bucket_name, self.folder = bucket, folder

    @cached_property
    def _quick(self) -> quick_reader.QuickReader | None:
        """Tried first, until it fails once; from then on the client library reads."""
        return quick_reader.open_reader(self.bucket_name)

    def read(self, name: str, at_most: int) -> Stored:
        quick = self._quick
        if quick is not None:
            if found := quick.read(self._path(name), at_most):
                return Stored(*found)
            self._quick = None
        return self._read_by_client(name, at_most)

    def _read_by_client(self, name: str, at_most: int) -> Stored:
        from google.cloud.exceptions import NotFound as NoSuchObject

        try:
            # Downloads the generation whose size was checked, and verifies its CRC32C.
            blob = self._bucket.get_blob(
                self._path(name), timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S), retry=self._retry()
            )
            if blob is None:
                raise NotFound(f"{self._address(name)} does not exist")
            _check_size(name, blob.size, at_most)
            pinned = self._bucket.blob(blob.name, generation=blob.generation)
            data = pinned.download_as_bytes(
                timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S), retry=self._retry(), checksum="auto"
            )
            return Stored(data, blob.generation)
        except NoSuchObject:
            raise NotFound(f"{self._address(name)} does not exist") from None
        except _failures() as error:
            raise StorageError(f"{self._address(name)} cannot be read: {error}") from error

    def write(self, name: str, data: bytes, generation: int) -> None:
        from google.api_core.exceptions import PreconditionFailed as Conflict

        try:
            self._bucket.blob(self._path(name)).upload_from_string(
                data,
                content_type="application/octet-stream",
                if_generation_match=generation,
                retry=self._retry(),
                checksum="auto",
            )
        except Conflict:
            raise PreconditionFailed(
                f"{self._address(name)} is not what it was expected to be"
            ) from None
        except _failures() as error:
            raise StorageError(f"{self._address(name)} cannot be written: {error}") from error

    def folders(self) -> list[str]:
        prefix = self._path("")
        try:
            pages = self._bucket.client.list_blobs(
                self.bucket_name, prefix=prefix, delimiter="/", retry=self._retry()
            )
            for _ in pages:  # the folders are known once the pages have been read
                pass
        except _failures() as error:
            raise StorageError(f"{self._address('')} cannot be listed: {error}") from error
        return sorted(folder.removeprefix(prefix).strip("/") for folder in pages.prefixes)

    def names(self) -> list[str]:
        prefix = self._path("")
        try:
            found = self._bucket.client.list_blobs(
                self.bucket_name, prefix=prefix, retry=self._retry()
            )
            names = [str(blob.name).removeprefix(prefix) for blob in found]
        except _failures() as error:
            raise StorageError(f"{self._address('')} cannot be listed: {error}") from error
        # A name that ends in a slash is a folder placeholder, created by hand.
        return sorted(name for name in names if not name.endswith("/") and name)

    @cached_property
    def _bucket(self) -> "Bucket":
        # Imported on demand: a normal start does not need it. The garbage collector finds nothing
        # to free in modules, and would make the import a seventh slower.
        collecting = gc.isenabled()
        gc.disable()
        try:
            from google.cloud import storage
        finally:
            if collecting:
                gc.enable()

        return storage.Client().bucket(self.bucket_name)

    def _retry(self) -> object:
        from google.cloud.storage.retry import DEFAULT_RETRY

        return DEFAULT_RETRY.with_timeout(RETRY_FOR_S)

    def _path(self, name: str) -> str:
        return f"{self.folder}/{name}" if self.folder else name

    def _address(self, name: str) -> str:
        return f"gs://{self.bucket_name}/{self._path(name)}"


def _failures() -> tuple[type[Exception], ...]:
    """The exceptions with which the storage client reports failure."""
    from google.api_core.exceptions import GoogleAPIError
    from google.auth.exceptions import GoogleAuthError
    from google.cloud.storage.exceptions import DataCorruption
    from requests import RequestException

    return GoogleAPIError, GoogleAuthError, DataCorruption, RequestException, OSError


def _check_size(name: str, size: int, at_most: int) -> None:
    if size > at_most:
        raise StorageError(f"{name} has {size} bytes; at most {at_most} were expected")
