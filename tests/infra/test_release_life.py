"""Publication, promotion and serving of releases with a real object store, and their failures.

The store is fake-gcs-server over HTTP, the client google-cloud-storage; the function runs in its
server.
"""

import hashlib
import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from lesionlens.model.cloud_store import READ_TIMEOUT_S
from lesionlens.model.manifest import MODEL, Manifest, ReleaseError, parse
from lesionlens.model.object_store import NotFound, StorageError
from lesionlens.model.release import MANIFEST, POINTER, load
from lesionlens.model.storage import open_store
from tests import emulator, server, smoke
from tests.infra.misbehaving import Misbehaving, Plan
from tests.server import ANSWER_S, Server
from training.__main__ import main
from training.releasing.publish import (
    PublishError,
    describe,
    list_releases,
    promote,
    publish,
    rollback,
)

# The request timeout that infra/deploy_function.sh sets.
PLATFORM_TIMEOUT_S = 60

STORE = f"gs://{emulator.BUCKET}/models"


@pytest.fixture
def address() -> Iterator[str]:
    """Address of an empty object store with one bucket."""
    with emulator.running():
        yield os.environ["STORAGE_EMULATOR_HOST"]


@pytest.fixture(scope="module")
def image(repository: Path) -> bytes:
    return (repository / "infra" / "smoke.jpg").read_bytes()


Release = tuple[Manifest, dict[str, bytes]]


@pytest.fixture(scope="module")
def release(made: Path) -> Release:
    """A manifest and its files, as published by training."""
    folder = made / "store" / "v1"
    files = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
    return parse(files.pop(MANIFEST)), files


def named(release: Release, version: str) -> Release:
    manifest, files = release
    return msgspec.structs.replace(manifest, version=version), files


def function(folder: Path, address: str, **environment: str) -> AbstractContextManager[Server]:
    settings: dict[str, Any] = {"MODEL_URI": STORE, "STORAGE_EMULATOR_HOST": address, **environment}
    return server.running(folder / f"log-{time.monotonic_ns()}", **settings)


def overwrite(address: str, name: str, data: bytes) -> None:
    """Replace an object without any check."""
    query = f"uploadType=media&name={quote(f'models/{name}', '')}"
    url = f"{address}/upload/storage/v1/b/{emulator.BUCKET}/o?{query}"
    urllib.request.urlopen(urllib.request.Request(url, data), timeout=10).close()


def test_a_release_lives(
    address: str,
    made: Path,
    repository: Path,
    tmp_path: Path,
    image: bytes,
    capsys: pytest.CaptureFixture[str],
) -> None:
    publish = ("publish", *smoke.options(made), "--store", STORE, "--version")

    assert main([*publish, "v1", "--promote"]) == 0
    with function(tmp_path, address) as first:
        status, result = first.classify(image)
        assert (status, result["model"]["version"]) == (200, "v1")
        assert abs(sum(entry["probability"] for entry in result["probabilities"]) - 1) < 1e-3

        assert main([*publish, "v2"]) == 0
        with function(tmp_path, address) as unpromoted:
            assert unpromoted.classify(image)[1]["model"]["version"] == "v1"
        assert main(["promote", "v2", "--force", "--store", STORE]) == 0
        # A running instance keeps its model.
        assert first.classify(image)[1]["model"]["version"] == "v1"

    with function(tmp_path, address) as second:
        assert second.classify(image)[1]["model"]["version"] == "v2"
    with function(tmp_path, address, MODEL_VERSION="v1") as pinned:
        assert pinned.classify(image)[1]["model"]["version"] == "v1"
    # By its command, in a new process.
    command = [sys.executable, "-m", "training", "list", "--store", STORE]
    listed = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=True)
    assert [line[:4] for line in listed.stdout.splitlines()] == ["  v1", "* v2"]

    capsys.readouterr()
    assert main(["rollback", "--store", STORE]) == 0
    assert "v1 is now" in capsys.readouterr().out
    with function(tmp_path, address) as back:
        assert back.classify(image)[1]["model"]["version"] == "v1"


@pytest.fixture
def published(address: str, release: Release) -> str:
    """An object store with v1 as the current version."""
    store = open_store(STORE)
    publish(store, *named(release, "v1"))
    promote(store, "v1")
    return address


def refuses(serving: Server, image: bytes, message: str) -> None:
    """Check that the function does not classify, and gives the cause only in its log."""
    status, problem = serving.classify(image)
    assert (status, problem["type"]) == (503, "/problems/model-unavailable")
    assert "gs://" not in problem["detail"]
    assert message not in problem["detail"]
    assert serving.get("/ready")[0] == 503
    assert serving.get("/health")[0] == 200
    log = serving.log.read_text()
    assert "the model could not be loaded" in log
    assert message in log


@pytest.mark.slow
def test_a_store_that_is_down_at_start_is_tried_again(
    published: str, tmp_path: Path, image: bytes
) -> None:
    down = {"": "refuse"}

    with (
        Misbehaving(published, lambda *_: down[""]) as proxy,
        function(tmp_path, proxy.address, PRELOAD_MODEL="1") as served,
    ):
        refuses(served, image, "current.json cannot be read")
        down[""] = ""
        assert served.classify(image)[0] == 200


@pytest.mark.slow
def test_a_slow_store_is_waited_for(published: str, tmp_path: Path, image: bytes) -> None:
    with (
        Misbehaving(published, lambda *_: "slow") as proxy,
        function(tmp_path, proxy.address) as served,
    ):
        proxy.delay_s = 1.0
        assert served.classify(image)[0] == 200


@pytest.mark.slow
def test_a_store_that_does_not_respond_times_out(
    published: str, tmp_path: Path, image: bytes
) -> None:
    with (
        Misbehaving(published, lambda _, path: "stall" if MODEL in path else "") as proxy,
        function(tmp_path, proxy.address) as served,
    ):
        # Longer than the client waits: a response means that the function gave up by itself.
        proxy.stall_s = 2 * ANSWER_S
        assert served.classify(image)[0] == 503
        waited = [asked for asked in proxy.requests if MODEL in asked]
        assert 0 < len(waited) * READ_TIMEOUT_S < PLATFORM_TIMEOUT_S
        assert f"v1/{MODEL} cannot be read" in served.log.read_text()


def download_of(name: str) -> Plan:
    """A plan that cuts downloads of an object in half, but not its metadata."""
    return lambda _, path: "half" if name in path and "alt=media" in path else ""


@pytest.mark.slow
@pytest.mark.parametrize("name", [MODEL, MANIFEST, POINTER])
def test_a_download_that_ends_half_way_is_not_served(
    name: str, published: str, tmp_path: Path, image: bytes
) -> None:
    with (
        Misbehaving(published, download_of(name)) as proxy,
        function(tmp_path, proxy.address) as served,
    ):
        refuses(served, image, f"{name} cannot be read")


@pytest.mark.slow
def test_a_download_that_ends_half_way_once_is_begun_again(
    published: str, tmp_path: Path, image: bytes
) -> None:
    cut = iter(["half"])

    def plan(_: str, path: str) -> str:
        return next(cut, "") if MODEL in path and "alt=media" in path else ""

    with (
        Misbehaving(published, plan) as proxy,
        function(tmp_path, proxy.address) as served,
    ):
        # At the latest with the next request.
        statuses = [served.classify(image)[0] for _ in range(2)]
        assert statuses[1] == 200


def test_a_flipped_byte_is_not_served(
    published: str, release: Release, tmp_path: Path, image: bytes
) -> None:
    damaged = bytearray(release[1][MODEL])
    damaged[len(damaged) // 2] ^= 1
    overwrite(published, f"v1/{MODEL}", bytes(damaged))

    with function(tmp_path, published) as served:
        refuses(served, image, f"v1/{MODEL} has SHA-256")


def lie(manifest: Manifest, what: str) -> dict[str, Any]:
    changed = json.loads(msgspec.json.encode(manifest))
    if what == "hash":
        changed["files"][MODEL]["sha256"] = hashlib.sha256(b"").hexdigest()
    elif what == "size":
        changed["files"][MODEL]["size"] += 1
    elif what == "version":
        changed["version"] = "v9"
    elif what == "classes":
        changed["classes"].pop()
        changed["calibration"]["offsets"].pop()
        changed["calibration"]["scales"].pop()
        for shares in changed["priors"].values():
            last = shares.pop()
            shares[-1] += last
    return changed


@pytest.mark.slow
@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("hash", "its manifest says"),
        ("size", "its manifest says"),
        ("version", "says that it is of version"),
        ("classes", "for 6 classes"),
    ],
)
def test_a_wrong_manifest_is_not_served(
    what: str,
    message: str,
    published: str,
    release: Release,
    tmp_path: Path,
    image: bytes,
) -> None:
    manifest = lie(named(release, "v1")[0], what)
    overwrite(published, f"v1/{MANIFEST}", json.dumps(manifest).encode())

    with function(tmp_path, published) as served:
        refuses(served, image, message)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pointer", "message"),
    [
        (b'{"version": "v7"}', f"v7/{MANIFEST} does not exist"),
        (b'{"version": "../v1"}', "names no version"),
        (b"{", f"{POINTER} is not JSON"),
        (b"[]", f"{POINTER} is not a JSON object"),
    ],
)
def test_a_pointer_to_nothing_is_not_served(
    pointer: bytes, message: str, published: str, tmp_path: Path, image: bytes
) -> None:
    overwrite(published, POINTER, pointer)

    with function(tmp_path, published) as served:
        refuses(served, image, message)


@pytest.mark.slow
def test_a_version_that_does_not_exist_is_not_promoted(published: str) -> None:
    store = open_store(STORE)

    with pytest.raises(NotFound, match=f"v7/{MANIFEST} does not exist"):
        promote(store, "v7")

    assert load(store, "current").manifest.version == "v1"


def test_two_publishers_of_one_version_at_once_one_wins(address: str, release: Release) -> None:
    manifest, files = named(release, "v1")
    others = {**files, MODEL: files[MODEL] + b"\0"}
    described = {**manifest.files, **describe({MODEL: others[MODEL]})}
    other = msgspec.structs.replace(manifest, files=described)
    start, outcomes = threading.Barrier(2), {}

    def attempt(name: str, manifest: Manifest, files: dict[str, bytes]) -> None:
        start.wait()
        try:
            publish(open_store(STORE), manifest, files)
            outcomes[name] = ""
        except PublishError as error:
            outcomes[name] = str(error)

    threads = [
        threading.Thread(target=attempt, args=("one", manifest, files)),
        threading.Thread(target=attempt, args=("other", other, others)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(message == "" for message in outcomes.values()) == [False, True]
    assert any("never overwritten" in message for message in outcomes.values())
    winner = files if outcomes["one"] == "" else others
    assert load(open_store(STORE), "v1").files[MODEL] == winner[MODEL]


def test_two_promotions_at_once_one_wins(published: str, release: Release) -> None:
    store = open_store(STORE)
    publish(store, *named(release, "v2"))
    publish(store, *named(release, "v3"))
    reads = threading.Barrier(2)

    def together(method: str, path: str) -> str:
        # Both read the pointer before either moves it.
        if method == "POST" and "/upload/" in path:
            reads.wait(timeout=30)
        return ""

    outcomes: dict[str, str] = {}

    def attempt(version: str) -> None:
        try:
            promote(open_store(STORE), version, force=True)
            outcomes[version] = ""
        except PublishError as error:
            outcomes[version] = str(error)

    with Misbehaving(published, together) as proxy, pytest.MonkeyPatch.context() as patch:
        patch.setenv("STORAGE_EMULATOR_HOST", proxy.address)
        threads = [threading.Thread(target=attempt, args=(name,)) for name in ("v2", "v3")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert sorted(message == "" for message in outcomes.values()) == [False, True]
    assert any("somebody else moved" in message for message in outcomes.values())
    winner = next(version for version, message in outcomes.items() if message == "")
    assert load(store, "current").manifest.version == winner


@pytest.mark.slow
def test_the_loser_of_a_race_leaves_the_winner_and_can_go_back(
    published: str, release: Release
) -> None:
    store = open_store(STORE)
    publish(store, *named(release, "v2"))
    promote(store, "v2")

    assert rollback(store) == "v1"
    with pytest.raises(PublishError, match="no earlier version"):
        rollback(store)


def killed_at(published: str, release: Release, write: int) -> bool:
    """Publish and promote v2; the publisher dies before one write. Return whether it died."""
    count = iter(range(1_000))

    def plan(method: str, _: str) -> str:
        return "kill" if method in ("POST", "PUT") and next(count) == write else ""

    with Misbehaving(published, plan) as proxy, pytest.MonkeyPatch.context() as patch:
        patch.setenv("STORAGE_EMULATOR_HOST", proxy.address)
        # A dead publisher does not retry, so retries are disabled.
        patch.setattr("lesionlens.model.cloud_store.RETRY_FOR_S", 0.01)
        try:
            publish(open_store(STORE), *named(release, "v2"))
            promote(open_store(STORE), "v2")
        except (StorageError, PublishError):
            return True
        return False


@pytest.mark.slow
def test_a_publisher_killed_between_any_two_writes_leaves_no_half_release(
    published: str, release: Release
) -> None:
    store = open_store(STORE)
    killed, write = True, 0
    while killed:
        killed = killed_at(published, release, write)
        if killed:
            # v1 is served until the last write; listed versions are complete or marked as
            # incomplete.
            assert load(store, "current").manifest.version == "v1", write
            for listed in list_releases(store):
                if listed.manifest is not None:
                    load(store, listed.version)
                else:
                    with pytest.raises((NotFound, ReleaseError)):
                        promote(store, listed.version)
        if killed and any(
            listed.version == "v2" and listed.manifest for listed in list_releases(store)
        ):
            # Only the pointer is missing: promoting completes the release.
            assert publish(store, *named(release, "v2")) == "v2"
            promote(store, "v2")
            break
        # Otherwise the next attempt completes this one.
        write += 1
        assert write < 50

    # Each write, one for every file and one for the manifest, was the last of some publisher.
    assert write >= len(release[1]) - 1
    assert load(store, "current").manifest.version == "v2"
