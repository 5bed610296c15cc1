"""Locates a data set: a folder, a ``gs://`` address that is copied once, or synthetic images."""

import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

from tqdm import tqdm

DOWNLOADS = 16  # concurrent

SHARED = Path(__file__).parents[3] / "shared"  # beside the repository


def default() -> str:
    """The folder in HAM10000_DIR; by default ../shared/ham10000, beside the repository."""
    return os.environ.get("HAM10000_DIR", str(SHARED / "ham10000"))


def default_archive() -> str:
    """The folder in ISIC_ARCHIVE_DIR; by default ../shared/isic_archive."""
    return os.environ.get("ISIC_ARCHIVE_DIR", str(SHARED / "isic_archive"))


def folder(address: str, cache: Path) -> Path:
    """Return a local folder with the data set at ``address``, a folder or ``gs://BUCKET/FOLDER``."""
    if not address.startswith("gs://"):
        return Path(address)
    parts = urlsplit(address)
    local = cache / parts.netloc / parts.path.strip("/")
    _copy(parts.netloc, parts.path.strip("/"), local)
    return local


def drawn(
    name: str, draw: Callable[[Path, int, int], None], images: int, seed: int, cache: Path
) -> Path:
    """Return the folder that ``draw(folder, images, seed)`` wrote, now or in an earlier run."""
    root = cache / f"{name}-{images}-{seed}"
    if not root.exists():
        partial = root.with_name(f"{root.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        draw(partial, images, seed)
        partial.rename(root)
    return root


def _copy(bucket: str, prefix: str, local: Path) -> None:
    """Copy the objects that are not here yet; an interrupted copy can be repeated."""
    from google.cloud import storage

    client = storage.Client()
    start = f"{prefix}/" if prefix else ""
    blobs = [b for b in client.list_blobs(bucket, prefix=start) if not b.name.endswith("/")]
    if not blobs:
        raise ValueError(f"gs://{bucket}/{prefix} holds no objects")

    def copy(blob: storage.Blob) -> None:
        path = local / blob.name.removeprefix(start)
        if not path.resolve().is_relative_to(local.resolve()):
            raise ValueError(f"the object {blob.name!r} would be written outside of {local}")
        if path.exists() and path.stat().st_size == blob.size:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f"{path.name}.partial")
        blob.download_to_filename(partial)
        partial.rename(path)

    with ThreadPoolExecutor(DOWNLOADS) as pool:
        for _ in tqdm(pool.map(copy, blobs), "downloading", len(blobs), unit="file"):
            pass
