"""The object store at an address: a Cloud Storage bucket's folder, or a local one."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from .cloud_store import CloudStore
from .file_store import FileStore
from .object_store import Store


def open_store(uri: str) -> Store:
    """Return the store at ``gs://BUCKET/FOLDER`` or ``file:///FOLDER``; nothing is read yet.

    Raises ValueError for any other address.
    """
    parts = urlsplit(uri)
    if parts.scheme == "file":
        return FileStore(Path(unquote(parts.path)))
    if parts.scheme == "gs" and parts.netloc:
        return CloudStore(parts.netloc, parts.path.strip("/"))
    raise ValueError(f"{uri!r} is no store; accepted are gs://BUCKET/FOLDER and file:///FOLDER")
