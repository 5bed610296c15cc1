"""A folder of a Cloud Storage bucket, read without the client library where that is possible."""

import gc
from functools import cached_property
from typing import TYPE_CHECKING

from . import quick_reader
from .object_store import NotFound, PreconditionFailed, StorageError, Stored, check_size

if TYPE_CHECKING:
    from google.cloud.storage import Bucket

CONNECT_TIMEOUT_S = 5
READ_TIMEOUT_S = 20
# A request may be waiting for the model: a client can retry after an early 503, but it gets no
# answer at all once it has timed out.
RETRY_FOR_S = 10


class CloudStore:
    """A `Store` in a bucket; credentials and emulator are taken from the environment."""

    def __init__(self, bucket: str, folder: str) -> None:
        self.bucket_name, self.folder = bucket, folder

    @cached_property
    def _quick(self) -> quick_reader.QuickReader | None:
        """Used until it fails once; after that the client library reads."""
        return quick_reader.open_reader(self.bucket_name)

    def read(self, name: str, at_most: int) -> Stored:
        """Return an object of at most ``at_most`` bytes, whose CRC32C was verified.

        Raises StorageError, NotFound. Retries for `RETRY_FOR_S` seconds.
        """
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
            check_size(name, blob.size, at_most)
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
        """Write an object with a precondition on its generation; see `Store.write`."""
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
        """Return the names of the top-level folders, sorted. Raises StorageError."""
        prefix = self._path("")
        try:
            pages = self._bucket.client.list_blobs(
                self.bucket_name, prefix=prefix, delimiter="/", retry=self._retry()
            )
            for _ in pages:  # `prefixes` is filled while the pages are read
                pass
        except _failures() as error:
            raise StorageError(f"{self._address('')} cannot be listed: {error}") from error
        return sorted(folder.removeprefix(prefix).strip("/") for folder in pages.prefixes)

    def names(self) -> list[str]:
        """Return the names of all objects, sorted. Raises StorageError."""
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
        # Imported on demand: a normal start does not need it. The garbage collector would find
        # nothing to free, and make the import a seventh slower.
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
    """The exceptions by which the client library reports a failure."""
    from google.api_core.exceptions import GoogleAPIError
    from google.auth.exceptions import GoogleAuthError
    from google.cloud.storage.exceptions import DataCorruption
    from requests import RequestException

    return GoogleAPIError, GoogleAuthError, DataCorruption, RequestException, OSError
