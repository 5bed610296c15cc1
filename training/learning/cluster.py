"""Distributed training: the cluster of workers, and how they are connected.

Vertex AI describes the cluster to every replica in the variable CLUSTER_SPEC and, if there are
several replicas, in TF_CONFIG. Source of both formats: Vertex AI's documentation, "Distributed
training", "Environment variables for your cluster".

The backend is JAX: `jax.distributed` connects the processes; `keras.distribution.DataParallel`
replicates the weights on all devices and divides each batch among them. Keras 3 does not support
TensorFlow's MultiWorkerMirroredStrategy (keras issue 20585).
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
# For each variable, the names of the pools of workers: first the chief's, then the others'. Other
# pools, of parameter servers and evaluators, have no role in data parallelism.
POOLS = {
    "CLUSTER_SPEC": (("workerpool0",), ("workerpool1",)),
    "TF_CONFIG": (("chief", "master"), ("worker",)),
}
ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}")
# A worker that dies is noticed at once by its closed connections, a machine that disappears after
# this time without a heartbeat.
HEARTBEAT_S = 60
# How long workers wait for the last one to connect: machines differ in the time that they take to
# start and to copy the data set.
START_S = 1800


@dataclass(frozen=True)
class Cluster:
    """The workers of a training, and the index of this process; worker 0 is the chief."""

    addresses: tuple[str, ...] = ("localhost:0",)
    index: int = 0

    @property
    def workers(self) -> int:
        """The number of processes that train."""
        return len(self.addresses)

    @property
    def is_chief(self) -> bool:
        """Whether this worker is the one that writes checkpoints and figures, and publishes."""
        return self.index == 0

    def own_folder(self, folder: Path) -> Path:
        """``folder`` for the chief, a subfolder for each other worker, as they may share a disk."""
        return folder if self.is_chief else folder / f"worker-{self.index}"

    def on_chief(self, action: Callable[[], None]) -> None:
        """Call ``action`` if this is the chief. It must not wait for the other workers."""
        if self.is_chief:
            action()

    def exit_unless_chief(self) -> None:
        """End the process with status 0 unless this is the chief. Raises SystemExit."""
        if not self.is_chief:
            raise SystemExit(0)

    def rows(self, batch: int) -> slice:
        """This worker's rows of a global batch, whose size is a multiple of ``workers``."""
        share = batch // self.workers
        return slice(self.index * share, (self.index + 1) * share)


ALONE = Cluster()


def from_environment(environment: Mapping[str, str]) -> Cluster:
    """Return the cluster described by CLUSTER_SPEC or else TF_CONFIG; without either, one worker.

    Raises ValueError for an invalid description.
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
    # A JSON boolean is an int in Python.
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
    """Select Keras's backend. Must be called before Keras is imported, as this module does not."""
    os.environ["KERAS_BACKEND"] = name


@contextmanager
def joined(cluster: Cluster) -> Iterator[int]:
    """Connect the workers while the block runs; yield the number of devices of all workers.

    Keras trains on all of these devices. A single process with one device needs no connection, and
    may use any backend. Raises ValueError for several workers on a backend other than JAX.
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
        # On CPUs, asynchronously dispatched collectives can be executed out of order.
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
    # Each worker selects its own rows of a batch (`Cluster.rows`).
    with keras.distribution.DataParallel(auto_shard_dataset=False).scope():
        yield devices
    if cluster.workers > 1:
        # Waits until all workers have arrived here.
        jax.distributed.shutdown()


@contextmanager
def apart() -> Iterator[None]:
    """Switch off distribution while the block runs: Keras then does not wait for other workers.

    Saving and loading a model create an optimizer, which not all workers do at the same time.
    """
    import keras

    shared = keras.distribution.distribution()
    keras.distribution.set_distribution(None)
    try:
        yield
    finally:
        keras.distribution.set_distribution(shared)


def copy_from_chief(cluster: Cluster, folder: Path, pattern: str) -> None:
    """Copy the chief's files that match ``pattern`` to ``folder`` on every other worker.

    Other matching files there are deleted. The machines share no disk.
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
    """Return the chief's ``data`` on every worker."""
    from jax.experimental.multihost_utils import broadcast_one_to_all

    size = int(broadcast_one_to_all(np.array(len(data), np.int32)))
    if not cluster.is_chief:
        data = bytes(size)
    return bytes(np.asarray(broadcast_one_to_all(np.frombuffer(data, np.uint8))))
