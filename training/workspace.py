"""A job, and how its stages read each other's results from the run's folder.

Results of another configuration, training or export are rejected with an error that says which
stage to run again.
"""

import dataclasses
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import keras
import msgspec
import numpy as np
from msgspec import Struct

from lesionlens.imaging.model_input import Preprocessing
from lesionlens.model.classifier import Classifier
from lesionlens.model.manifest import DETECTOR, MODEL, Manifest
from lesionlens.model.release import Release

from . import artifacts
from .config import Config
from .data import close_ups, dataset, source, split, synthetic
from .data.close_ups import CloseUp
from .data.dataset import Dataset
from .data.split import Split
from .evaluation import leakage
from .evaluation.analysis import Evidence
from .evaluation.external import External
from .evaluation.guardrails import Safeguards
from .learning.cluster import ALONE, Cluster
from .releasing import build_manifest
from .releasing.build_manifest import Exported
from .releasing.provenance import Origin

T = TypeVar("T")

# File in the cache folder.
HASHES = "hashes.json"


class TrainingRecord(Struct, frozen=True):
    """Inputs of a training beside its configuration."""

    split_sha256: str  # of the file split.json


@dataclass(frozen=True)
class Job:
    """Input of every stage: configuration, data, and the run's folder."""

    config: Config
    data: str | None  # folder or gs:// address; None: synthetic if configured, else the default
    run: Path  # folder of the run
    cache: Path
    store: str = ""  # file:// or gs:// address
    resume: bool = False
    promote: bool = False
    force: bool = False
    version: str | None = None  # None: derived from the date and the served files
    team: Cluster = ALONE  # the workers of a distributed training
    archive: str | None = None  # images of other clinics: folder or gs:// address; None: default

    @cached_property
    def ham10000(self) -> Dataset:
        """HAM10000 alone, or the synthetic data set in its place."""
        if self.is_drawn:
            root = self._drawn("drawn", synthetic.write)
        else:
            root = source.folder(self.data or source.default(), self.cache)
        return dataset.read(root, self.cache / HASHES)

    @cached_property
    def dataset(self) -> Dataset:
        """All images of the configuration: HAM10000 and, if configured, those of other clinics."""
        if not self.config.data.archive_fraction:
            return self.ham10000
        if self.is_drawn:
            archive = self._drawn("drawn-archive", synthetic.write_archive, share=4)
        else:
            archive = source.folder(self.archive or source.default_archive(), self.cache)
        return dataset.combine(self.ham10000, dataset.read_archive(archive, self.cache / HASHES))

    @property
    def is_drawn(self) -> bool:
        """Whether synthetic images replace the data sets."""
        return self.data is None and self.config.data.generated > 0

    def _drawn(self, name: str, draw: Callable[[Path, int, int], None], share: int = 1) -> Path:
        """The folder with synthetic images, one for each ``share`` of the configured number."""
        images = self.config.data.generated // share
        return source.drawn(name, draw, images, self.config.seed, self.cache)

    @cached_property
    def close_ups(self) -> tuple[CloseUp, ...]:
        """Photographs taken without a dermatoscope, for the detector."""
        if self.is_drawn:
            return close_ups.read(self._drawn("drawn-close-ups", close_ups.draw))
        return close_ups.read(close_ups.default())

    @cached_property
    def split(self) -> Split:
        """The split that the stage split wrote."""
        return split.read(self.dataset, self.run / artifacts.SPLIT)

    @property
    def split_sha256(self) -> str:
        """SHA-256 of the split's file."""
        return hashlib.sha256((self.run / artifacts.SPLIT).read_bytes()).hexdigest()

    @property
    def has_training(self) -> bool:
        """Whether a training was started in the run's folder."""
        return (self.run / artifacts.TRAINING).exists()

    def require_own_training(self) -> None:
        """Raise ValueError unless the run was trained with this configuration and this split."""
        if not self.has_training:
            raise ValueError(f"{self.run} holds no training; run the stage train")
        # An option that is newer than the run has its default, which changes nothing.
        if self.read(artifacts.CONFIG, Config) != self.config:
            raise ValueError(
                f"{self.run} was started with another configuration; give the same --config "
                "and --set"
            )
        if self.read(artifacts.TRAINING, TrainingRecord).split_sha256 != self.split_sha256:
            raise ValueError(
                f"{self.run / artifacts.SPLIT} is not the split that was trained on: images of its "
                "validation and test may have been seen; train again in another --run"
            )

    def read(self, name: str, of: type[T]) -> T:
        """Read a stage's result. Raises ValueError if it is not of type ``of``."""
        try:
            return msgspec.json.decode((self.run / name).read_bytes(), type=of)
        except msgspec.DecodeError as error:
            raise ValueError(f"{self.run / name} is not what this code writes: {error}") from None

    def write(self, name: str, document: Any) -> None:
        """Write a result as JSON for later stages."""
        text = msgspec.json.encode(document, enc_hook=_plain)
        (self.run / name).write_bytes(msgspec.json.format(text, indent=1) + b"\n")

    def network(self) -> keras.Model:
        """The trained model."""
        return keras.saving.load_model(self.run / artifacts.MODEL, compile=False)


def _plain(value: Any) -> Any:
    """Convert a NumPy number to Python's type."""
    if isinstance(value, np.generic):
        return value.item()
    raise NotImplementedError(f"{type(value)} cannot be written")


@dataclass(frozen=True)
class Shippable:
    """The exported model with everything that its release will contain except the evidence."""

    described: Manifest  # without the evidence
    served: dict[str, bytes]  # the files that serving reads
    archived: bytes  # the Keras model

    def classifier(self) -> Classifier:
        """The model, run by the serving code."""
        release = Release(self.described, self.served)
        return Classifier(release, os.cpu_count() or 1)


def variant(job: Job) -> tuple[bytes, Preprocessing]:
    """LiteRT model and preprocessing of the variant chosen by the export."""
    job.require_own_training()
    export = job.read(artifacts.EXPORT, Exported).export
    size = next(row.size for row in export.variants if row.name == export.chosen)
    data = (job.run / artifacts.VARIANTS / f"{export.chosen}.tflite").read_bytes()
    return data, dataclasses.replace(job.config.preprocessing, size=size)


def shippable(job: Job) -> Shippable:
    """The exported model with its safeguards. Raises ValueError if they do not belong together."""
    data, preprocessing = variant(job)
    exported, archived = (
        job.read(artifacts.EXPORT, Exported),
        (job.run / artifacts.MODEL).read_bytes(),
    )
    if exported.model_sha256 != hashlib.sha256(archived).hexdigest():
        raise ValueError(f"{job.run} was trained again after its export; export it again")
    safeguards = job.read(artifacts.SAFEGUARDS, Safeguards)
    if safeguards.model_sha256 != hashlib.sha256(data).hexdigest():
        raise ValueError(f"{job.run} was exported anew; run the stage safeguard again")
    served = {MODEL: data, DETECTOR: (job.run / DETECTOR).read_bytes()}
    described = build_manifest.describe_model(
        job.config,
        preprocessing,
        job.dataset,
        job.split,
        exported,
        safeguards,
        served,
        archived,
        origin=job.read(artifacts.PROVENANCE, Origin),
        version=job.version,
    )
    return Shippable(described, served, archived)


def evidence(job: Job, described: Manifest) -> Evidence:
    """Evidence on the described model: on test, on an external set, and the paper's experiment."""
    if not (job.run / artifacts.EVIDENCE).exists():
        raise ValueError(f"{job.run} has no {artifacts.EVIDENCE}; run the stage evidence")
    found = job.read(artifacts.EVIDENCE, Evidence)
    elsewhere = None
    if (job.run / artifacts.EXTERNAL).exists():
        elsewhere = job.read(artifacts.EXTERNAL, External)
    for name, part in ((artifacts.EVIDENCE, found), (artifacts.EXTERNAL, elsewhere or found)):
        if part.model_sha256 != described.files[MODEL].sha256:
            raise ValueError(f"{job.run / name} is of another export; measure it again")
    # The paper's experiment uses HAM10000 alone, whatever else this model was trained on.
    paper = leakage.collect(job.run.parent, artifacts.LEAKAGE, job.ham10000.fingerprint)
    return msgspec.structs.replace(found, elsewhere=elsewhere, paper=paper)
