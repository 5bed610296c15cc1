"""Classifies all images of a folder or a ``gs://`` prefix, with the code that serves requests.

    python archive.py SOURCE RESULTS

RESULTS ends in .jsonl or .csv and gets one line per file, ordered by name. The line of an unusable
file holds the problem, and the run continues. After an interruption, the same command resumes after
the last complete line. The environment variable MODEL_URI names the folder of the releases, as for
the function: file:///FOLDER or gs://BUCKET/FOLDER; MODEL_VERSION selects one of them.
"""

import argparse
import csv
import io
import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tqdm import tqdm

from lesionlens import pipeline, settings
from lesionlens.api import structured_log
from lesionlens.errors import Problem
from lesionlens.model import release
from lesionlens.model.classifier import Classifier
from lesionlens.model.file_store import FileStore
from lesionlens.model.manifest import ReleaseError
from lesionlens.model.object_store import StorageError, Store
from lesionlens.model.storage import open_store

# Images are submitted in chunks of this many, which bounds the results held in memory.
CHUNK = 64
# Fields of a result that describe the request, not the image.
VOLATILE = ("request_id", "timing_ms")
# File names may contain any bytes: written unchanged to CSV, as lone surrogates to JSON.
_ANY_BYTES = "surrogateescape"
# Columns of a CSV file after those of the classes.
COLUMNS = ("malignancy", "flag", "kind", "in_distribution", "warnings", "problem")


def row(name: str, store: Store, classifier: Classifier, at_most: int) -> dict[str, Any]:
    """Return the line of one file: its result, or its ``problem``.

    ``at_most``: bytes; a larger file is a problem, too. Raises nothing: an internal error is logged
    and becomes a problem.
    """
    try:
        data = store.read(name, at_most).data
        result = pipeline.classify(data, classifier)
    except Problem as problem:
        reported = {"title": problem.title, "detail": problem.detail}
    except StorageError as error:
        reported = {"title": "Unreadable file", "detail": str(error)}
    except Exception as error:
        # An internal error on one file must not end the run.
        structured_log.error("internal error", error, request_id=name)
        fault = Problem.unexpected()
        reported = {"title": fault.title, "detail": fault.detail}
    else:
        kept = {key: value for key, value in result.items() if key not in VOLATILE}
        return {"file": name, **kept}
    return {"file": name, "model": _model(classifier), "problem": reported}


def columns(line: dict[str, Any]) -> dict[str, Any]:
    """Flatten a line to the columns of a CSV file; each class has a column named by its label."""
    malignancy = line.get("malignancy") or {}
    problem = line.get("problem") or {}
    known = line.get("prediction") is not None
    # No probabilities for an image that was not recognized: they would be read out of context.
    probabilities = {
        entry["label"]: entry["probability"] if known else ""
        for entry in line.get("probabilities", ())
    }
    seen = line.get("input") or {}
    return {
        "file": line["file"],
        "version": line["model"]["version"],
        "label": (line.get("prediction") or {}).get("label", ""),
        **probabilities,
        "malignancy": malignancy.get("probability", ""),
        "flag": malignancy.get("flag", ""),
        "kind": seen.get("kind") or "",
        "in_distribution": seen.get("in_distribution", ""),
        "warnings": " ".join(warning["code"] for warning in seen.get("warnings", ())),
        "problem": ": ".join(problem.values()),
    }


class Results:
    """The file of results, to which an interrupted run can be appended."""

    def __init__(self, path: Path, classes: tuple[str, ...]) -> None:
        self._path, self._csv = path, path.suffix == ".csv"
        self._names = ("file", "version", "label", *classes, *COLUMNS)

    def resume(self) -> list[dict[str, Any]]:
        """Remove an incomplete last line from the file, and return the complete ones.

        Raises SystemExit for a CSV file with other columns.
        """
        whole = self._path.read_bytes() if self._path.exists() else b""
        whole = whole[: whole.rfind(b"\n") + 1]
        if not self._csv:
            self._path.write_bytes(whole)
            return [json.loads(line) for line in whole.splitlines()]
        # After an odd number of quotes the file ends inside a quoted name with a line break.
        while whole.count(b'"') % 2:
            whole = whole[: whole.rfind(b"\n", 0, -1) + 1]
        self._path.write_bytes(whole or self._text(None).encode())
        rows = csv.DictReader(io.StringIO(whole.decode(errors=_ANY_BYTES)))
        if whole and tuple(rows.fieldnames or ()) != self._names:
            raise SystemExit(f"{self._path} has other columns; name another file.")
        return list(rows)

    def write(self, line: dict[str, Any]) -> None:
        """Append a line, as JSON or flattened to CSV, and close the file so that it is kept."""
        text = self._text(columns(line)) if self._csv else json.dumps(line) + "\n"
        with self._path.open("a", newline="", encoding="utf-8", errors=_ANY_BYTES) as file:
            file.write(text)

    def _text(self, values: dict[str, Any] | None) -> str:
        buffer = io.StringIO()
        writer = csv.DictWriter(buffer, self._names, lineterminator="\n")
        if values is None:
            writer.writeheader()
        else:
            writer.writerow(values)
        return buffer.getvalue()


def run(source: str, path: Path, configured: settings.Settings) -> None:
    """Classify the files that ``path`` has no line for yet.

    Raises SystemExit for a source without files and for results of another model, and
    ReleaseError, StorageError or OSError if the model or a file cannot be read.
    """
    store = _source(source)
    _require_table(path)
    models = open_store(configured.model_uri)
    loaded = release.load(models, configured.model_version)
    classifier = Classifier(loaded, configured.interpreters)
    results = Results(path, classifier.manifest.classes)
    done = results.resume()
    versions = {line.get("version") or line["model"]["version"] for line in done}
    if versions - {loaded.manifest.version}:
        raise SystemExit(
            f"{path} is of the model {', '.join(versions)}, not of {loaded.manifest.version}; "
            "name another file."
        )
    seen = {line["file"] for line in done}
    names = store.names()
    if not names:
        raise SystemExit(f"{source} holds no files.")
    names = [name for name in names if name not in seen]
    for line in tqdm(_rows(names, store, classifier, configured), total=len(names), unit="image"):
        results.write(line)


def _require_table(path: Path) -> None:
    if path.suffix not in (".jsonl", ".csv"):
        raise SystemExit(f"the name of the results must end in .jsonl or .csv, and {path} does not")


def _source(source: str) -> Store:
    if source.startswith("gs://"):
        return open_store(source)
    folder = Path(source)
    if not folder.is_dir():
        raise SystemExit(f"{source} is not a folder; accepted are a folder and gs://BUCKET/FOLDER")
    return FileStore(folder)


def _rows(
    names: list[str], store: Store, classifier: Classifier, configured: settings.Settings
) -> Iterator[dict[str, Any]]:
    with ThreadPoolExecutor(configured.interpreters) as pool:
        for start in range(0, len(names), CHUNK):
            yield from pool.map(
                lambda name: row(name, store, classifier, configured.max_upload_bytes),
                names[start : start + CHUNK],
            )


def _model(classifier: Classifier) -> dict[str, str]:
    return {"name": classifier.manifest.name, "version": classifier.manifest.version}


def main() -> None:
    """Parse the command line and run; exit with a message if the run cannot be started."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", help="a folder, or gs://BUCKET/FOLDER")
    parser.add_argument("results", type=Path, help="a file in .jsonl or .csv")
    arguments = parser.parse_args()
    try:
        run(arguments.source, arguments.results, settings.from_environment(os.environ))
    except (settings.SettingsError, ReleaseError, StorageError, OSError) as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()
