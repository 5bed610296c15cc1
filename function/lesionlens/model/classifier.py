"""The model: loaded once, run by several threads, each with an interpreter of its own.

A single image uses all cores, for the lowest latency; concurrent images use one core each, for the
highest throughput.
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

# Input and outputs of the exported graph, as named by training/releasing/export.py.
IMAGE = "image"
LOGITS = "logits"
ACTIVATION_MAPS = "activation_maps"
FEATURES = "features"
SIGNATURE = "serving_default"


@dataclass(frozen=True)
class Outputs:
    """The outputs of one forward pass.

    ``logits``: (classes,) float32. ``activation_maps``: (rows, columns, classes) float32; their
    mean over rows and columns plus the bias of the head is the logits. ``features``: (F,) float32,
    activations averaged over the image, the input of the detector; F is 0 in a release without.
    """

    logits: NDArray[np.float32]
    activation_maps: NDArray[np.float32]
    features: NDArray[np.float32]


class Classifier:
    """A release, ready to run. Thread-safe."""

    def __init__(self, release: Release, interpreters: int) -> None:
        """``interpreters``: images classified at a time, at most one per core.

        Raises ReleaseError if the model does not match its manifest.
        """
        self.manifest: Manifest = release.manifest
        detects = self.manifest.in_distribution_threshold is not None
        self.detector = Detector.read(release.files[DETECTOR]) if detects else None
        at_once = min(interpreters, _cores())
        self._permits = threading.Semaphore(at_once)
        self._lock = threading.Lock()
        self._running = 0
        self._wide = _runner(release, _cores())
        # Created when two images first overlap, not to delay the first answer.
        self._make_narrow = partial(_runner, release, 1)
        self._narrow: list[Any] = []
        size, classes = self.manifest.preprocessing.size, len(self.manifest.classes)
        try:
            with self._runner() as runner:
                # LiteRT silently resizes the graph to any input, so running it shows nothing.
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
        """Run the model on an image: (1, size, size, 3) float32, RGB in [0, 255]."""
        with self._runner() as runner:
            outputs = runner(**{IMAGE: tensor})
        features = outputs.get(FEATURES, np.empty((1, 0), np.float32))
        return Outputs(outputs[LOGITS][0], outputs[ACTIVATION_MAPS][0], features[0])

    def recognize(self, outputs: Outputs) -> Recognition | None:
        """Return the kind of the image, or None if the release has no detector."""
        farthest = self.manifest.in_distribution_threshold
        if self.detector is None or farthest is None:
            return None
        least = self.manifest.in_distribution_log_odds
        return self.detector.recognize(outputs.features, farthest, least)

    @contextmanager
    def _runner(self) -> Iterator[Any]:
        # An interpreter must not be shared by two threads; a thread waits for a free one.
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
    """The number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _runner(release: Release, threads: int) -> Any:
    # Imported on demand: /health does not need the interpreter.
    from ai_edge_litert.interpreter import Interpreter

    try:
        interpreter = Interpreter(model_content=release.files[MODEL], num_threads=threads)
        return interpreter.get_signature_runner(SIGNATURE)
    except (ValueError, RuntimeError) as error:
        raise ReleaseError(f"the model cannot be loaded: {error}") from None


class Slot:
    """Loads a classifier when it is first needed, once for all threads.

    Threads that need it meanwhile wait for the same attempt, and share its failure. After a failure
    the next call of `get` tries again. Thread-safe.
    """

    def __init__(self, load: Callable[[], Classifier]) -> None:
        self._load = load
        self._lock = threading.Lock()
        self._future: Future[Classifier] | None = None

    @property
    def loaded(self) -> Classifier | None:
        """The classifier, or None if it has not been loaded."""
        future = self._future
        return future.result() if future and future.done() and not future.exception() else None

    def get(self) -> Classifier:
        """Return the classifier; load it if necessary. Raises what loading raises."""
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
