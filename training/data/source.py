"""Where a data set comes from: a folder, a ``gs://`` address copied once, or drawings."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

from tqdm import tqdm

from . import synthetic

DOWNLOADS = 16  # at the same time


SHARED = Path(__file__).parents[3] / "shared"  # beside the repository


def default() -> str:
    """The folder named by HAM10000_DIR, by default ../shared/ham10000 beside the repository."""
    return os.environ.get("HAM10000_DIR", str(SHARED / "ham10000"))


def default_archive() -> str:
    """The folder named by ISIC_ARCHIVE_DIR, by default ../shared/isic_archive."""
    return os.environ.get("ISIC_ARCHIVE_DIR", str(SHARED / "isic_archive"))


def folder(address: str, cache: Path) -> Path:
    """Return a local folder with the data set at ``address``, a folder or ``gs://BUCKET/FOLDER``."""
    if not address.startswith("gs://"):
        return Path(address)
    parts = urlsplit(address)
    local = cache / parts.netloc / parts.path.strip("/")
    _copy(parts.netloc, parts.path.strip("/"), local)
    return local


def drawn(images: int, seed: int, cache: Path) -> Path:
    """Return a folder of drawings, made once (see `synthetic`)."""
    root = cache / f"drawn-{images}-{seed}"
    if not (root / "HAM10000_metadata.csv").exists():
        synthetic.write(root, images, seed)
    return root


def drawn_archive(images: int, seed: int, cache: Path) -> Path:
    """Return a folder of drawings as of other clinics, made once (see `synthetic`)."""
    root = cache / f"drawn-archive-{images}-{seed}"
    if not (root / "labels.csv").exists():
        synthetic.write_archive(root, images, seed)
    return root


def _copy(bucket: str, prefix: str, local: Path) -> None:
    """Copy what is not here yet; an interrupted copy goes on where it stopped."""
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
