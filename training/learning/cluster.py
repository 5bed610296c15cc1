"""The workers that share one training: who they are, and the engine that joins them.

Vertex AI tells every replica of a job of its cluster in CLUSTER_SPEC, and in TF_CONFIG too if the
job has several. Source of both formats: Vertex AI's documentation, "Distributed training",
"Environment variables for your cluster".

The engine is JAX: `jax.distributed` joins the processes, `keras.distribution.DataParallel` copies
the weights to every device of all of them, and divides each batch among the devices. Keras 3 does
not run under TensorFlow's MultiWorkerMirroredStrategy (keras issue 20585).
"""

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

ENGINE = "jax"
# For each variable, the pools whose members train: the chief's own, then the others'. Under other
# names are parameter servers and evaluators, which data parallelism has no work for.
POOLS = {
    "CLUSTER_SPEC": (("workerpool0",), ("workerpool1",)),
    "TF_CONFIG": (("chief", "master"), ("worker",)),
}
ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}")
# A worker that has died is noticed by its closed connections at once; one whose machine is gone,
# after so long without a sign of life.
HEARTBEAT_S = 60
# How long the first workers wait for the last one: machines start, and copy the data set, at their
# own pace.
START_S = 1800


@dataclass(frozen=True)
class Cluster:
    """All workers of a training, and which of them this process is; the first is the chief."""

    addresses: tuple[str, ...] = ("localhost:0",)
    index: int = 0

    @property
    def workers(self) -> int:
        """The number of processes that train."""
        return len(self.addresses)

    @property
    def is_chief(self) -> bool:
        """Whether this is the worker that writes checkpoints and figures, and publishes."""
        return self.index == 0

    def own_folder(self, folder: Path) -> Path:
        """``folder`` for the chief, a folder in it for each other worker: they may share a disk."""
        return folder if self.is_chief else folder / f"worker-{self.index}"

    def on_chief(self, action: Callable[[], None]) -> None:
        """Call ``action`` if this is the chief; it must not wait for the other workers."""
        if self.is_chief:
            action()

    def leave_to_chief(self) -> None:
        """End the process, with success, unless it is the chief's: the others have done their part.

        Raises SystemExit.
        """
        if not self.is_chief:
            raise SystemExit(0)

    def rows(self, batch: int) -> slice:
        """Which rows of a global batch, a multiple of ``workers``, are this worker's share."""
        share = batch // self.workers
        return slice(self.index * share, (self.index + 1) * share)


ALONE = Cluster()


def from_environment(environment: Mapping[str, str]) -> Cluster:
    """The cluster that CLUSTER_SPEC, or else TF_CONFIG, describes; without both, this process only.

    Raises ValueError for a description that is not understood.
    """
    for name in POOLS:
        if environment.get(name):
            return _read(name, environment[name])
    return ALONE


def _read(name: str, text: str) -> Cluster:
    try:
        description = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"{name} is not JSON: {error}") from None
    pools = _member(name, description, "cluster", dict)
    task = _member(name, description, "task", dict)
    chiefs, others = POOLS[name]
    for pool, members in pools.items():
        if members and pool not in chiefs + others:
            accepted = ", ".join(chiefs + others)
            raise ValueError(f"{name} has the pool {pool!r}; accepted are {accepted}")
    ordered = [pool for pool in chiefs + others if pools.get(pool)]
    addresses = [address for pool in ordered for address in _addresses(name, pool, pools[pool])]
    if sum(len(pools[pool]) for pool in ordered if pool in chiefs) > 1:
        raise ValueError(
            f"{name} has more than one chief; accepted is one in {' or '.join(chiefs)}"
        )
    if len(set(addresses)) < len(addresses):
        raise ValueError(f"{name} names an address twice: {', '.join(addresses)}")
    pool, index = _member(name, task, "type", str), _member(name, task, "index", int)
    if pool not in ordered or not 0 <= index < len(pools[pool]):
        raise ValueError(
            f"{name} says that this is {pool} {index}, which its cluster does not have"
        )
    before = sum(len(pools[other]) for other in ordered[: ordered.index(pool)])
    return Cluster(tuple(addresses), before + index)


def _member(name: str, tree: Any, key: str, kind: type) -> Any:
    found = tree.get(key) if isinstance(tree, dict) else None
    # JSON's true is an int to Python.
    if not isinstance(found, kind) or isinstance(found, bool):
        raise ValueError(f"{name} has {found!r} for {key!r}; accepted is {_KINDS[kind]}")
    return found


_KINDS = {dict: "an object", str: "a string", int: "a whole number"}


def _addresses(name: str, pool: str, members: Any) -> list[str]:
    if not isinstance(members, list):
        raise ValueError(f"{name} has {members!r} for {pool!r}; accepted is a list of HOST:PORT")
    for address in members:
        if not isinstance(address, str) or not ADDRESS.fullmatch(address):
            raise ValueError(f"{name} has {address!r} in {pool!r}; accepted is HOST:PORT")
    return members


def choose_engine(name: str) -> None:
    """Have Keras, not yet imported, run on this engine; this module does not import it."""
    os.environ["KERAS_BACKEND"] = name


@contextmanager
def joined(cluster: Cluster) -> Iterator[int]:
    """Within it, Keras trains on every device of all workers; yields how many there are.

    One process with one device is left as it is, whatever its engine.
    """
    import keras

    if keras.backend.backend() != ENGINE:
        if cluster.workers > 1:
            raise ValueError(
                f"{cluster.workers} workers were started with KERAS_BACKEND="
                f"{keras.backend.backend()}; accepted for several is {ENGINE}"
            )
        yield 1
        return
    import jax

    if cluster.workers > 1:
        # Without accelerators, collectives that are dispatched ahead can overtake each other.
        jax.config.update("jax_cpu_enable_async_dispatch", False)
        jax.distributed.initialize(
            cluster.addresses[0],
            cluster.workers,
            cluster.index,
            initialization_timeout=START_S,
            heartbeat_timeout_seconds=HEARTBEAT_S,
        )
    devices = jax.device_count()
    if devices == 1:
        yield 1
        return
    # The workers cut their own shares from the batches (`Cluster.rows`).
    with keras.distribution.DataParallel(auto_shard_dataset=False).scope():
        yield devices
    if cluster.workers > 1:
        # Here the workers wait for each other, and each goes its own way after.
        jax.distributed.shutdown()


@contextmanager
def apart() -> Iterator[None]:
    """Within it, what Keras builds is this process's own, and the workers need not keep step.

    Saving and loading build an optimizer to look at, once: it must not wait for the other workers.
    """
    import keras

    shared = keras.distribution.distribution()
    keras.distribution.set_distribution(None)
    try:
        yield
    finally:
        keras.distribution.set_distribution(shared)


def copy_from_chief(cluster: Cluster, folder: Path, pattern: str) -> None:
    """Make the files of this name pattern in a worker's own ``folder`` those of the chief's.

    Machines share no disk: what the chief has saved, the others have from here.
    """
    if cluster.workers == 1:
        return
    files = {path.name: path.read_bytes() for path in sorted(folder.glob(pattern))}
    sizes = {name: len(data) for name, data in files.items()}
    sizes = json.loads(_from_chief(cluster, json.dumps(sizes).encode()))
    content = _from_chief(cluster, b"".join(files.values()))
    if cluster.is_chief:
        return
    for name in files.keys() - sizes.keys():
        (folder / name).unlink()
    start = 0
    for name, size in sizes.items():
        (folder / name).write_bytes(content[start : start + size])
        start += size


def _from_chief(cluster: Cluster, data: bytes) -> bytes:
    """What the chief gave for ``data``, on every worker."""
    from jax.experimental.multihost_utils import broadcast_one_to_all

    size = int(broadcast_one_to_all(np.array(len(data), np.int32)))
    if not cluster.is_chief:
        data = bytes(size)
    return bytes(np.asarray(broadcast_one_to_all(np.frombuffer(data, np.uint8))))
