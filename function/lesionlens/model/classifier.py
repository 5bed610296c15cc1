"""The model: loaded once, run by several threads, each with an interpreter to itself.

A single image is run on all cores, for the lowest latency; concurrent images get one core each, for
the highest throughput.
"""

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .manifest import DETECTOR, MODEL, Manifest, ReleaseError
from .ood import Detector, Recognition
from .release import Release

# Input and outputs of the exported graph (training/releasing/export.py gives them these names).
IMAGE = "image"
LOGITS = "logits"
ACTIVATION_MAPS = "activation_maps"
FEATURES = "features"
SIGNATURE = "serving_default"


@dataclass(frozen=True)
class Outputs:
    """What one forward pass yields.

    ``logits``: (classes,) float32. ``activation_maps``: (rows, columns, classes) float32, whose
    mean over rows and columns plus the bias of the head is the logits. ``features``: (F,) float32,
    averages over the image that the detector reads; F is 0 in a release that has none.
    """

    logits: NDArray[np.float32]
    activation_maps: NDArray[np.float32]
    features: NDArray[np.float32]


class Classifier:
    """A release, ready to run. Safe for use by several threads."""

    def __init__(self, release: Release, interpreters: int) -> None:
        """Raises ReleaseError if the model and its manifest do not fit each other."""
        self.manifest: Manifest = release.manifest
        detects = self.manifest.in_distribution_threshold is not None
        self.detector = Detector.read(release.files[DETECTOR]) if detects else None
        at_once = min(interpreters, _cores())
        self._permits = threading.Semaphore(at_once)
        self._lock = threading.Lock()
        self._running = 0
        self._wide = _runner(release, _cores())
        # Created when two images first overlap, so that the first answer does not wait for them.
        self._make_narrow = partial(_runner, release, 1)
        self._narrow: list[Any] = []
        size, classes = self.manifest.preprocessing.size, len(self.manifest.classes)
        try:
            with self._runner() as runner:
                # LiteRT silently resizes the graph to the shape of its input.
                taken = runner.get_input_details()[IMAGE]["shape"].tolist()
            outputs = self.run(np.zeros((1, size, size, 3), np.float32))
        except (ValueError, RuntimeError, KeyError) as error:
            raise ReleaseError(f"the model does not run as its manifest says: {error}") from None
        if taken != [1, size, size, 3]:
            raise ReleaseError(f"the model takes {taken}; its manifest says a size of {size}")
        if self.detector is not None:
            read, found = len(self.detector.mean), len(outputs.features)
            if read != found:
                raise ReleaseError(f"the detector reads {read} features; the model has {found}")
        for output in (outputs.logits, outputs.activation_maps):
            if output.shape[-1] != classes:
                raise ReleaseError(
                    f"the model has outputs of shape {output.shape} for {classes} classes"
                )

    def run(self, tensor: NDArray[np.float32]) -> Outputs:
        """Run the model on a (1, size, size, 3) float32 image in [0, 255]."""
        with self._runner() as runner:
            outputs = runner(**{IMAGE: tensor})
        features = outputs.get(FEATURES, np.empty((1, 0), np.float32))
        return Outputs(outputs[LOGITS][0], outputs[ACTIVATION_MAPS][0], features[0])

    def recognize(self, outputs: Outputs) -> Recognition | None:
        """Return what the image is, or None if the release has no detector."""
        farthest = self.manifest.in_distribution_threshold
        if self.detector is None or farthest is None:
            return None
        least = self.manifest.in_distribution_log_odds
        return self.detector.recognize(outputs.features, farthest, least)

    @contextmanager
    def _runner(self) -> Iterator[Any]:
        # An interpreter raises if two threads share it; threads wait for a free one.
        with self._permits:
            with self._lock:
                alone = self._running == 0
                self._running += 1
                runner = self._wide if alone else self._narrow.pop() if self._narrow else None
            try:
                runner = runner or self._make_narrow()
                yield runner
            finally:
                with self._lock:
                    self._running -= 1
                    if not alone and runner:
                        self._narrow.append(runner)


def _cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _runner(release: Release, threads: int) -> Any:
    # Imported on demand: /health does not need it.
    from ai_edge_litert.interpreter import Interpreter

    try:
        interpreter = Interpreter(model_content=release.files[MODEL], num_threads=threads)
        return interpreter.get_signature_runner(SIGNATURE)
    except (ValueError, RuntimeError) as error:
        raise ReleaseError(f"the model cannot be loaded: {error}") from None


class Slot:
    """Holds what is loaded on first need, once, however many threads ask at the same time.

    Those who ask while it is being loaded share that attempt and its failure; a failure is not
    remembered, so that the next to ask tries again.
    """

    def __init__(self, load: Callable[[], Classifier]) -> None:
        self._load = load
        self._lock = threading.Lock()
        self._future: Future[Classifier] | None = None

    @property
    def loaded(self) -> Classifier | None:
        """The classifier if it has been loaded, without loading it."""
        future = self._future
        return future.result() if future and future.done() and not future.exception() else None

    def get(self) -> Classifier:
        """Return the classifier, loading it if need be. Raises whatever the load raises."""
        with self._lock:
            mine = self._future is None
            if self._future is None:
                self._future = Future()
            future = self._future
        if mine:
            try:
                future.set_result(self._load())
            except BaseException as error:
                with self._lock:
                    self._future = None
                future.set_exception(error)
        return future.result()
