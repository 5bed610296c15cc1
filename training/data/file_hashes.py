"""Cache of the files' SHA-256, so that not every stage reads all images."""

import hashlib
import json
import os
import time
from pathlib import Path

# A file changed more recently may change again within the resolution of its time stamps.
SETTLED_NS = 2_000_000_000


class FileHashes:
    """Hashes by path in a JSON file; valid while size, times and inode of the file are unchanged.

    Every change of the content updates ctime, which programs cannot set.
    """

    def __init__(self, path: Path | None) -> None:
        """``path``: the JSON file; None: keep nothing on disk."""
        self.path = path
        self.kept: dict[str, list[object]] = {}
        self.changed = False
        if path is not None and path.exists():
            try:
                self.kept = json.loads(path.read_text())
            except ValueError:
                self.kept = {}

    def sha256(self, file: Path) -> str:
        """SHA-256 of the file in hexadecimal; computed only if the file is new or has changed."""
        state = file.stat()
        stamp = [state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino]
        name = str(file.resolve())
        *former, digest = self.kept.get(name, [None])
        if former == stamp:
            return str(digest)
        found = hashlib.sha256(file.read_bytes()).hexdigest()
        if time.time_ns() - state.st_ctime_ns > SETTLED_NS:
            self.kept[name] = [*stamp, found]
            self.changed = True
        return found

    def save(self) -> None:
        """Write new hashes to the JSON file, atomically."""
        if self.path is None or not self.changed:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        partial = self.path.with_suffix(f".{os.getpid()}.partial")
        partial.write_text(json.dumps(self.kept))
        partial.replace(self.path)
