"""The scripts from an empty project to the third rollout, rollback, and complete teardown.

The project is simulated by fake_gcloud.py, in an organization with domain-restricted sharing.
"""

import copy
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.infra import fake_gcloud
from tests.infra.programs import Output
from tests.infra.project import SERVICE, Project
from tests.infra.recording import Done

pytestmark = pytest.mark.slow

MODELS = "demo-project-lesionlens-models"
BUILD = "demo-project-lesionlens-build"
BUILDER = "lesionlens-build@demo-project.iam.gserviceaccount.com"
TEARDOWN = (
    "teardown.sh --yes-remove demo-project --models --yes-remove-models "
    f"{MODELS} --data --yes-remove-data demo-project-lesionlens-data"
)
QUICK = {"SOAK_SECONDS": "0", "CANARY_REQUESTS": "3", "CANARY_STEPS": "50 100"}


@pytest.fixture
def empty(repository: Path, tmp_path: Path) -> Iterator[Project]:
    with Project(repository, tmp_path, str(shutil.which("curl"))) as project:
        yield project


@pytest.fixture(scope="module")
def first(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> fake_gcloud.State:
    """The state of a project in which the first release serves."""
    folder = tmp_path_factory.mktemp("first")
    with Project(repository, folder, str(shutil.which("curl"))) as project:
        for line in (
            "bootstrap.sh", "promote.sh v1", "deploy_function.sh --first", "deploy_web.sh",
            "ensure_origin.sh", "smoke.sh https://lesionlens.example.org", "traffic.sh tag",
        ):  # fmt: skip
            done = project.run(line)
            assert done.status == 0, f"{line}: {done.output} {done.errors}"
        return project.state


@pytest.fixture
def project(empty: Project, first: fake_gcloud.State) -> Project:
    empty.state = copy.deepcopy(first)
    return empty


def rollout(project: Project, arguments: str = "", **settings: str) -> Done:
    return project.run(f"rollout.sh --no-page {arguments}", **QUICK, **settings)


def test_from_the_first_release_to_the_third_rollout_and_back_to_nothing(project: Project) -> None:
    # Existing resources are kept.
    assert project.run("bootstrap.sh").status == 0
    images = {project.serving()["image"]}

    for number, steps in ((2, "50 100"), (3, "20 100"), (4, "5 25 50 100")):
        # As the build's identity, which has only the permissions of its roles.
        settings = QUICK | {"CANARY_STEPS": steps, "FAKE_ACCOUNT": BUILDER}
        done = project.run("rollout.sh", **settings)
        assert done.status == 0, done.errors
        assert project.serving()["name"] == f"{SERVICE}-{number:05}"
        images.add(project.serving()["image"])
    assert len(images) == 4
    shares = [move.get(f"{SERVICE}-00004") for move in project.state["moves"][-4:]]
    assert shares == [5, 25, 50, 100]

    assert project.run("promote.sh v2", **QUICK).status == 0
    assert project.serving()["version"] == "v2"
    done = project.run("rollback.sh")
    assert done.status == 0, done.errors
    assert project.serving()["version"] == "v1"
    assert project.serving()["image"] in images
    assert f"100,,{project.serving()['name']}" in done.output

    done = project.run(TEARDOWN)
    assert done.status == 0, done.errors
    state = project.state
    assert {kind: names for kind, names in state["resources"].items() if names} == {}
    for name in ("services", "buckets", "objects", "exclusions"):
        assert state[name] == {}, name
    assert state["iam"]["project"] == []
    assert project.run(TEARDOWN).status == 0


def test_nothing_is_open_to_all_users_and_the_service_is_public(project: Project) -> None:
    assert "allUsers" not in str(project.state["iam"])
    assert project.service["public"]
    web = project.state["iam"]["gs://demo-project-lesionlens-web"]
    agent = "serviceAccount:service-123456789012@https-lb.iam.gserviceaccount.com"
    assert ["roles/storage.objectViewer", agent] in web


def test_alerts_wait_for_their_metrics_and_hide_nothing(empty: Project) -> None:
    done = empty.run("bootstrap.sh")

    assert done.status == 0, done.errors
    assert "could take up to 10 minutes" in done.errors
    titles = {each["title"] for each in empty.state["resources"]["monitoring policies"].values()}
    assert titles == {
        f"lesionlens {name}"
        for name in ("availability", "latency", "refused", "cold-starts", "instances", "uptime")
    }


def test_a_step_that_fails_is_named_and_the_others_are_done(empty: Project) -> None:
    empty.state["billing_role"] = False

    done = empty.run("bootstrap.sh")

    assert done.status == 1
    assert "failed: budget" in done.errors
    resources = empty.state["resources"]
    assert len(resources["builds triggers"]) == 2
    assert len(resources["monitoring policies"]) == 6
    empty.state["billing_role"] = True
    assert empty.run("bootstrap.sh budget").status == 0
    assert len(empty.state["resources"]["billing budgets"]) == 1


def test_existing_resources_are_updated(empty: Project) -> None:
    assert empty.run("bootstrap.sh").status == 0
    before = empty.state["resources"]

    changed = {"DOMAIN": "skin.example.org", "MAX_INSTANCES": "7", "ALERT_EMAIL": "b@example.org"}
    done = empty.run("bootstrap.sh", **changed)

    assert done.status == 0, done.errors
    after = empty.state["resources"]
    assert {kind: len(names) for kind, names in after.items()} == {
        kind: len(names) for kind, names in before.items()
    }
    trigger = after["builds triggers"]["lesionlens-deploy"]["text"]
    assert "_DOMAIN: 'skin.example.org'" in trigger
    texts = "".join(each["text"] for each in after["monitoring policies"].values())
    assert "thresholdValue: 6" in texts
    assert 'host="skin.example.org"' in texts
    (check,) = after["monitoring uptime"].values()
    assert "host=skin.example.org" in check["flags"]["resource-labels"]
    (channel,) = after["monitoring channels"].values()
    assert channel["flags"]["update-channel-labels"] == "email_address=b@example.org"
    assert 'service_name="lesionlens"' in empty.state["exclusions"]["lesionlens-requests"]


def test_a_failed_candidate_is_never_what_a_promotion_deploys(project: Project) -> None:
    good = project.serving()["image"]
    bad = "europe-west1-docker.pkg.dev/demo-project/lesionlens/function@sha256:" + "b" * 64
    project.faulty.add(bad)
    assert rollout(project, f"--image {bad}").status != 0
    assert project.service["revisions"][-1]["image"] == bad

    done = project.run("promote.sh v2", **QUICK)

    assert done.status == 0, done.errors
    assert project.serving() | {"flags": {}, "name": ""} == {
        "image": good, "version": "v2", "flags": {}, "name": "",
    }  # fmt: skip


def test_a_rollback_after_going_back_keeps_the_code_that_serves(project: Project) -> None:
    good = project.serving()["image"]
    assert project.run("promote.sh v2", **QUICK).status == 0
    assert rollout(project).status == 0
    newer = project.serving()["image"]
    assert project.run("traffic.sh back").status == 0

    done = project.run("rollback.sh")

    assert done.status == 0, done.errors
    served = project.serving()
    assert (served["image"], served["version"]) == (good, "v1")
    assert newer != good


def test_a_revision_that_does_not_get_ready_leaves_all_as_it_was(project: Project) -> None:
    serving = project.serving()
    image = "europe-west1-docker.pkg.dev/demo-project/lesionlens/function@sha256:" + "c" * 64
    project.state["unready"].add(image)

    done = rollout(project, f"--image {image}")

    assert done.status == 1
    assert "is not ready" in done.errors
    assert project.serving() == serving
    assert rollout(project).status == 0


@pytest.mark.parametrize("fault", ["faulty", "slow"])
def test_a_worse_candidate_goes_back_by_itself(fault: str, project: Project) -> None:
    serving = project.serving()
    image = "europe-west1-docker.pkg.dev/demo-project/lesionlens/function@sha256:" + "d" * 64
    getattr(project, fault).add(image)

    done = rollout(project, f"--image {image}")

    assert done.status != 0
    assert "the candidate" in done.errors
    assert project.serving() == serving
    assert f"100,,{serving['name']}" in done.output
    assert "locks/rollout" not in str(project.state["objects"])


def test_a_log_that_cannot_be_read_gives_the_traffic_back(project: Project) -> None:
    serving = project.serving()
    viewer = ["roles/logging.viewer", f"serviceAccount:{BUILDER}"]
    project.state["iam"]["project"].remove(viewer)

    done = rollout(project, FAKE_ACCOUNT=BUILDER)

    assert done.status == 1
    assert "the log cannot be read" in done.errors
    assert project.serving() == serving


def test_two_rollouts_at_once_wait_for_each_other(project: Project) -> None:
    settings = {**QUICK, "FAKE_ACCOUNT": BUILDER}
    # Or the lease would expire while the other one waits.
    project.pace_s = 0.5
    first = project.start("rollout.sh --no-page --started 100", **settings, BUILD_ID="one")
    second = project.start("rollout.sh --no-page --started 200", **settings, BUILD_ID="two")
    both = [project.finish(first), project.finish(second)]

    assert [done.status for done in both] == [0, 0], both
    assert any("waiting for" in done.errors for done in both)
    made = project.service["revisions"]
    # If the later push finished first, the earlier one does nothing.
    assert len(made) in (2, 3)
    assert project.serving() == made[-1]
    assert project.state["objects"][f"{BUILD}/locks/last-rollout"]["data"] == "200\n"


def test_an_older_push_does_not_replace_a_newer_one(project: Project) -> None:
    assert rollout(project, "--started 200").status == 0
    serving = project.serving()

    done = rollout(project, "--started 100")

    assert done.status == 0
    assert "nothing to do" in done.errors
    assert project.serving() == serving


def test_a_promotion_waits_for_a_rollout_and_gives_up(project: Project) -> None:
    project.put(f"{BUILD}/locks/rollout", f"build-7 {project.state['now'] + 100_000}\n")

    done = project.run("promote.sh v2", LOCK_WAIT_SECONDS="60", **QUICK)

    assert done.status == 1
    assert "build-7 still has" in done.errors
    assert project.state["history"] == ["v1"]


def test_the_lock_of_a_killed_rollout_runs_out(project: Project) -> None:
    project.put(f"{BUILD}/locks/rollout", f"build-7 {project.state['now'] + 300}\n")

    done = project.run("promote.sh v2", **QUICK)

    assert done.status == 0, done.errors
    assert "the lock of build-7 ran out" in done.errors


def test_traffic_that_a_person_moved_during_a_rollout_is_left(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    serving = project.serving()["name"]
    person: list[str] = []
    call = project.call

    def interfering(program: str, account: str, name: str, words: list[str]) -> Output:
        result = call(program, account, name, words)
        if not person and any(word.endswith("=50") for word in words):
            person.append("traffic.sh back")
            project.service["traffic"] = {serving: 100}
        return result

    monkeypatch.setattr(project, "call", interfering)
    done = rollout(project)

    assert done.status == 1
    assert "moved the traffic" in done.errors
    assert "was moved meanwhile" in done.errors
    assert [move for move in project.state["moves"] if move == {serving: 100}] == []
    assert project.serving()["name"] == serving


def test_a_failed_promotion_takes_the_pointer_back(project: Project) -> None:
    serving = project.serving()
    project.state["unready"].add(serving["image"])

    done = project.run("promote.sh v2", **QUICK)

    assert done.status == 1
    assert project.state["history"] == ["v1"]
    assert project.serving() == serving


def test_another_name_of_the_service_reaches_the_training_image(empty: Project) -> None:
    settings = {"SERVICE": "skin"}
    assert empty.run("bootstrap.sh", **settings).status == 0

    done = empty.run("train.sh", **settings)

    assert done.status == 0, done.errors
    (build,) = [c for c in empty.state["commands"] if c[1:3] == ["submit"] or "submit" in c]
    substitutions = next(word for word in build if word.startswith("--substitutions="))
    assert "/lesionlens/" not in substitutions
    assert substitutions.count("/skin/training:") == 2


def test_lowering_the_rate_limit_keeps_a_rollout_below_it(project: Project) -> None:
    before, origin = project.state["now"], len(project.origin.requests)

    done = project.run("rollout.sh --no-page", RATE_LIMIT_PER_MINUTE="20", SOAK_SECONDS="120",
                       CANARY_STEPS="50 100", CANARY_REQUESTS="5")  # fmt: skip

    assert done.status == 0, done.errors
    minutes = (project.state["now"] - before) / 60
    asked = len(project.origin.requests) - origin
    assert asked / minutes < 20


def test_another_region_serves_when_the_first_is_gone(project: Project) -> None:
    state = project.state
    assert state["buckets"].pop(MODELS) is not None
    state["services"].clear()
    state["objects"] = {key: value for key, value in state["objects"].items() if "web" in key}
    releases = project.infra.parent / "training" / "releases"
    version = json.loads((releases / "current.json").read_text())["version"]

    done = project.run("serve_from.sh europe-west4")

    assert done.status == 0, done.output + done.errors
    served = project.serving()
    assert served["version"] == version
    assert served["flags"]["region"] == "europe-west4"
    assert f"MODEL_URI=gs://{MODELS}-europe-west4/models" in served["flags"]["set-env-vars"]
    for backend in state["resources"]["compute backend-services"].values():
        (group,) = backend["groups"]
        assert "/regions/europe-west4/" in group
    assert f"MODEL_BUCKET={MODELS}-europe-west4" in done.errors
