"""Cluster descriptions in Vertex AI's formats, and the roles of workers."""

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import pytest

from training.learning import cluster
from training.learning.cluster import Cluster

# As in Vertex AI's documentation, with fewer members.
CLUSTER_SPEC = {
    "cluster": {
        "workerpool0": ["primary-0:2222"],
        "workerpool1": ["worker-0:2222", "worker-1:2222"],
    },
    "environment": "cloud",
    "task": {"type": "workerpool0", "index": 0, "trial": "1"},
    "job": {"worker_pool_specs": []},
}
TF_CONFIG = {
    "cluster": {"chief": ["primary-0:2222"], "worker": ["worker-0:2222", "worker-1:2222"]},
    "environment": "cloud",
    "task": {"type": "worker", "index": 1, "cloud": "id"},
}
ADDRESSES = ("primary-0:2222", "worker-0:2222", "worker-1:2222")


def spec(document: Mapping[str, object], **changes: object) -> str:
    return json.dumps({**document, **changes})


def test_without_a_description_a_process_is_alone() -> None:
    alone = cluster.from_environment({"CLUSTER_SPEC": "", "PATH": "/bin"})
    assert alone.workers == 1
    assert alone.is_chief
    assert alone.rows(32) == slice(0, 32)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"CLUSTER_SPEC": spec(CLUSTER_SPEC)}, Cluster(ADDRESSES, 0)),
        (
            {"CLUSTER_SPEC": spec(CLUSTER_SPEC, task={"type": "workerpool1", "index": 1})},
            Cluster(ADDRESSES, 2),
        ),
        ({"TF_CONFIG": spec(TF_CONFIG)}, Cluster(ADDRESSES, 2)),
        (
            {"TF_CONFIG": spec(TF_CONFIG, task={"type": "chief", "index": 0})},
            Cluster(ADDRESSES, 0),
        ),
        # An older name of the chief; and a cluster without one, in which worker 0 takes its role.
        (
            {
                "TF_CONFIG": spec(
                    TF_CONFIG,
                    cluster={"master": ["primary-0:2222"], "worker": ["worker-0:2222"]},
                    task={"type": "worker", "index": 0},
                )
            },
            Cluster(ADDRESSES[:2], 1),
        ),
        (
            {
                "TF_CONFIG": spec(
                    TF_CONFIG,
                    cluster={"worker": ["a:1", "b:1"]},
                    task={"type": "worker", "index": 0},
                )
            },
            Cluster(("a:1", "b:1"), 0),
        ),
        # A job of one replica.
        (
            {"CLUSTER_SPEC": spec(CLUSTER_SPEC, cluster={"workerpool0": ["primary-0:2222"]})},
            Cluster(("primary-0:2222",), 0),
        ),
        # Vertex AI sets both.
        (
            {"CLUSTER_SPEC": spec(CLUSTER_SPEC), "TF_CONFIG": spec(TF_CONFIG)},
            Cluster(ADDRESSES, 0),
        ),
    ],
)
def test_descriptions_are_read(environment: dict[str, str], expected: Cluster) -> None:
    assert cluster.from_environment(environment) == expected


WRONG = [
    ({"CLUSTER_SPEC": "{"}, "CLUSTER_SPEC is not JSON"),
    ({"CLUSTER_SPEC": "[]"}, "CLUSTER_SPEC has None for 'cluster'; accepted is an object"),
    ({"CLUSTER_SPEC": spec(CLUSTER_SPEC, task=3)}, "has 3 for 'task'; accepted is an object"),
    (
        {"CLUSTER_SPEC": spec(CLUSTER_SPEC, task={"type": "workerpool1", "index": "0"})},
        "has '0' for 'index'; accepted is a whole number",
    ),
    (
        {"CLUSTER_SPEC": spec(CLUSTER_SPEC, task={"type": "workerpool1", "index": 2})},
        "says that this is workerpool1 2, which its cluster does not have",
    ),
    (
        {"TF_CONFIG": spec(TF_CONFIG, task={"type": "evaluator", "index": 0})},
        "says that this is evaluator 0, which its cluster does not have",
    ),
    (
        {"TF_CONFIG": spec(TF_CONFIG, cluster={"chief": ["a:1"], "ps": ["b:1"]})},
        "has the pool 'ps'; accepted are chief, master, worker",
    ),
    (
        {"TF_CONFIG": spec(TF_CONFIG, cluster={"chief": ["a:1", "b:1"]})},
        "has more than one chief",
    ),
    (
        {"TF_CONFIG": spec(TF_CONFIG, cluster={"chief": ["a:1"], "worker": "b:1"})},
        "has 'b:1' for 'worker'; accepted is a list of HOST:PORT",
    ),
    (
        {"TF_CONFIG": spec(TF_CONFIG, cluster={"chief": ["a"], "worker": ["b:1"]})},
        "has 'a' in 'chief'; accepted is HOST:PORT",
    ),
    (
        {"TF_CONFIG": spec(TF_CONFIG, cluster={"chief": ["a:1"], "worker": ["a:1"]})},
        "names an address twice",
    ),
]


@pytest.mark.parametrize(("environment", "message"), WRONG)
def test_wrong_descriptions_are_refused(environment: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError) as refused:
        cluster.from_environment(environment)
    assert message in str(refused.value)


def test_shares_are_the_batch_cut_in_order() -> None:
    rows = list(range(12))
    shares = [rows[Cluster(ADDRESSES, index).rows(12)] for index in range(3)]
    assert [len(share) for share in shares] == [4, 4, 4]
    assert [row for share in shares for row in share] == rows


def test_the_chief_writes_into_the_folder_itself_and_goes_on() -> None:
    called: list[int] = []
    for index in range(3):
        worker = Cluster(ADDRESSES, index)
        worker.on_chief(partial(called.append, index))
        if index:
            assert worker.own_folder(Path("run")) == Path(f"run/worker-{index}")
            with pytest.raises(SystemExit) as left:
                worker.exit_unless_chief()
            assert left.value.code == 0
        else:
            assert worker.own_folder(Path("run")) == Path("run")
            worker.exit_unless_chief()
    assert called == [0]


def test_tensorflow_trains_in_one_process_only() -> None:
    with (
        pytest.raises(ValueError, match="KERAS_BACKEND=tensorflow; accepted for several is jax"),
        cluster.joined(Cluster(ADDRESSES, 1)),
    ):
        pass
