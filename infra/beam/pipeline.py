"""Classifies an archive on many machines: function/archive.py as an Apache Beam pipeline.

    .venv-beam/bin/python infra/beam/pipeline.py SOURCE RESULTS [OPTIONS]

SOURCE is a folder or gs://BUCKET/FOLDER. The lines that archive.py writes to one file are written
to RESULTS-00000-of-00001.jsonl and so on, in no particular order. OPTIONS are Beam's, such as
--runner. The model is selected by environment variables, as for the function. `make
.venv-beam/.ready` creates the environment, in which function/ is on the path.
"""

import argparse
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.utils.shared import Shared

import archive
from lesionlens import settings
from lesionlens.model import release
from lesionlens.model.classifier import Classifier
from lesionlens.model.storage import open_store


class Classify(beam.DoFn):
    """Maps a file name to its line of results, with the serving code."""

    def __init__(self, source: str, version: str, configured: settings.Settings) -> None:
        self._source, self._version = source, version
        self._model_uri = configured.model_uri
        self._interpreters = configured.interpreters
        self._at_most = configured.max_upload_bytes
        self._shared = Shared()

    def setup(self) -> None:
        """Open the store and load the model, once for each worker process."""
        self._store = open_store(self._source)
        self._classifier = self._shared.acquire(self._load)

    def process(self, name: str) -> Iterator[str]:
        """Yield the result of the image of this name, as JSON."""
        yield json.dumps(archive.row(name, self._store, self._classifier, self._at_most))

    def _load(self) -> Classifier:
        loaded = release.load(open_store(self._model_uri), self._version)
        return Classifier(loaded, self._interpreters)


def run(source: str, results: str, configured: settings.Settings, options: list[str]) -> None:
    """Classify every file below ``source`` with the version that is current at the start."""
    if not source.startswith("gs://"):
        source = Path(source).resolve().as_uri()
    version = configured.model_version
    if version == release.CURRENT:
        version = release.current(open_store(configured.model_uri))
    with beam.Pipeline(options=PipelineOptions(options)) as pipeline:
        lines: Any = (
            pipeline
            | "List" >> beam.Create(open_store(source).names())
            # Without it, the worker that lists the files would also classify them all.
            | "Spread" >> beam.Reshuffle()
            | "Classify" >> beam.ParDo(Classify(source, version, configured))
        )
        lines | "Write" >> beam.io.WriteToText(results, file_name_suffix=".jsonl")


def main() -> None:
    """Run the pipeline with the options of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", help="a folder, or gs://BUCKET/FOLDER")
    parser.add_argument("results", help="what the files of results begin with")
    arguments, options = parser.parse_known_args()
    configured = settings.from_environment(os.environ)
    run(arguments.source, arguments.results, configured, options)


if __name__ == "__main__":
    main()
