"""SHA-256 of files, kept from one stage to the next."""

import hashlib
import json
import os
import time
from pathlib import Path

# A file that changed so short a time ago may change again without its times telling.
SETTLED_NS = 2_000_000_000


class FileHashes:
    """Hashes by path, kept in a JSON file while size and times of the file are the same.

    Every change of the content sets the time of change (ctime), which programs cannot set back.
    """

    def __init__(self, path: Path | None) -> None:
        """``path``: where they are kept; None for nowhere."""
        self.path = path
        self.kept: dict[str, list[object]] = {}
        self.changed = False
        if path is not None and path.exists():
            try:
                self.kept = json.loads(path.read_text())
            except ValueError:
                self.kept = {}

    def sha256(self, file: Path) -> str:
        """The file's hash; computed only if the file is new or was changed."""
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
        """Write the hashes, atomically, if any was added."""
        if self.path is None or not self.changed:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        partial = self.path.with_suffix(f".{os.getpid()}.partial")
        partial.write_text(json.dumps(self.kept))
        partial.replace(self.path)
