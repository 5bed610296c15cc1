"""The scripts of infra/: dry runs, settings, idempotence, and undoing after failures."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from tests.infra.recording import ALL_EXISTS, HALF, NOTHING_EXISTS, Done, Scripts
from tests.infra.roles import ROLES

INFRA = Path(__file__).resolve().parents[2] / "infra"
LIBRARIES = ("settings.sh", "lib.sh", "checks.sh", "lock.sh")
NAMES = sorted(path.name for path in INFRA.glob("*.sh") if path.name not in LIBRARIES)
CLOUD = [
    "bootstrap.sh",
    "deploy_function.sh",
    "deploy_function.sh --first",
    "build_image.sh",
    "rollout.sh",
    "serve_from.sh europe-west4",
    "deploy_web.sh",
    "ensure_origin.sh",
    "train.sh",
    "promote.sh v2",
    "rollback.sh",
    "releases.sh",
    "traffic.sh canary",
    "traffic.sh full",
    "traffic.sh back",
    "teardown.sh",
]
MODELS = "demo-project-lesionlens-models"
DATA = "demo-project-lesionlens-data"


def test_the_readme_lists_every_script() -> None:
    readme = (INFRA / "README.md").read_text()

    assert len(NAMES) >= 12
    for name in NAMES:
        assert f"infra/{name}" in readme


@pytest.mark.parametrize("name", NAMES)
def test_help_is_the_header_of_the_script(name: str, scripts: Scripts) -> None:
    done = scripts.run(name, "--help")

    assert done.status == 0
    assert f"infra/{name}" in done.output
    assert "--help" in done.output
    assert not done.output.startswith("#")
    assert "set -euo" not in done.output
    assert done.commands == []


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_argument_is_refused_before_the_first_command(
    name: str, scripts: Scripts
) -> None:
    done = scripts.run(name, "--no-such-option")

    assert done.status == 2
    assert "--no-such-option" in done.errors
    assert done.commands == []


@pytest.mark.parametrize("line", CLOUD)
def test_a_dry_run_prints_commands_and_runs_none(line: str, scripts: Scripts) -> None:
    done = scripts.run(*line.split(), "--dry-run")

    assert done.status == 0, done.errors
    assert done.commands == []
    assert "gcloud " in done.output
    for printed in done.output.splitlines():
        if printed.startswith("gcloud "):
            words = shlex.split(printed)
            assert any(word.startswith(("--project=", "--billing-project=")) for word in words)


def test_the_dry_run_of_a_deployment(scripts: Scripts) -> None:
    done = scripts.run("deploy_function.sh", "--model-version", "v7", "--dry-run")

    deploy = next(line for line in done.output.splitlines() if "run deploy" in line)
    words = shlex.split(deploy)
    assert words[:4] == ["gcloud", "run", "deploy", "lesionlens"]
    for flag in (
        "--min=0",
        "--max-instances=10",
        "--min-instances=default",
        "--no-traffic",
        "--tag=candidate",
        "--ingress=internal-and-cloud-load-balancing",
        "--region=europe-west1",
    ):
        assert flag in words
    environment = next(word for word in words if word.startswith("--set-env-vars=^;^"))
    assert ";MODEL_VERSION=v7;" in environment
    assert ";TRUSTED_HOPS=2;LIMIT_STORE=memory://;RATE_LIMIT=" in environment
    assert f"MODEL_URI=gs://{MODELS}/models;" in environment


def test_the_dry_run_says_what_the_real_run_does(scripts: Scripts) -> None:
    dry = scripts.run("deploy_web.sh", "--dry-run")
    real = scripts.run("deploy_web.sh")

    # A dry run does not read the pointer, and temporary folders have random names.
    def named(line: str) -> str:
        return re.sub(r"/\S+(?=/web\b)", "COPY", line)

    shown = dry.output.replace("CURRENT/", "v1/").splitlines()
    told = [shlex.split(named(line)) for line in shown]
    assert told == [[named(word) for word in command] for command in real.commands]


WRONG = [
    ("PROJECT", "", "PROJECT is ''"),
    ("PROJECT", "Demo_Project", "the id of a Google Cloud project"),
    ("REGION", "europe", "a region such as europe-west1"),
    ("SERVICE", "Lesion Lens", "lower-case letters"),
    ("SERVICE", "a-name-that-is-far-too-long", "up to 21"),
    ("DOMAIN", "https://lesionlens.example.org", "a host name"),
    ("CANDIDATE_HOST", "lesionlens.example.org", "another name than DOMAIN"),
    ("MODEL_BUCKET", "gs://bucket", "a bucket name"),
    ("WEB_BUCKET", MODELS, "a bucket that has no other purpose"),
    ("ARCHIVE_BUCKET", "gs://x", "a bucket name, or nothing"),
    ("ARCHIVE_BUCKET", DATA, "a bucket that has no other purpose"),
    ("INGRESS", "internal", "all or internal-and-cloud-load-balancing"),
    ("GITHUB_REPOSITORY", "lesionlens", "OWNER/NAME, or nothing"),
    ("CANARY_STEPS", "100", "rising percentages"),
    ("CANARY_STEPS", "50 25 100", "rising percentages"),
    ("CANARY_STEPS", "5 25", "rising percentages"),
    ("CANARY_STEPS", "5 ten 100", "rising percentages"),
    ("LOG_LEVEL", "WARNING", "read the lines of requests"),
    ("RATE_LIMIT_PER_MINUTE", "19", "a whole number from 20"),
    ("MEMORY", "512MB", "512Mi or 1Gi"),
    ("CPU", "0.5", "1, 2, 4 or 8"),
    ("CONCURRENCY", "0", "from 1 to 1000"),
    ("MIN_INSTANCES", "20", "at most MAX_INSTANCES, 10"),
    ("MAX_INSTANCES", "many", "a whole number from 1"),
    ("TIMEOUT", "2h", "seconds, from 1 to 3600"),
    ("ALLOWED_ORIGINS", "example.org", "origins such as"),
    ("MAX_UPLOAD_BYTES", "40000000", "at most 33554432"),
    ("PUBLIC_RATE_LIMIT", "many", "images in a time"),
    ("LIMIT_STORE", "memcached://x", "memory:// or redis://"),
    ("BASE_IMAGE", "python", "an image by tag or digest"),
    ("API_KEYS_VERSION", "latest", "the number of a version"),
    ("SOAK_SECONDS", "2m", "from 0 to 999"),
    ("DATA_URI", "/data", "gs://BUCKET/FOLDER"),
    ("TRAIN_CONFIG", "nothing", "a file in training/configs"),
    ("TRAIN_MACHINE", "big", "a machine type"),
    ("TRAIN_ACCELERATOR", "T4", "NVIDIA_TESLA_T4"),
    ("TRAIN_WORKERS", "0", "a whole number from 1 to 64"),
    ("BUILD_REPOSITORY", "github.com/a/b", "connections"),
    ("ALERT_EMAIL", "operator", "an address"),
    ("BILLING_ACCOUNT", "mine", "XXXXXX-XXXXXX-XXXXXX"),
    ("BUDGET_AMOUNT", "-1", "a whole number"),
]


@pytest.mark.parametrize(("name", "value", "message"), WRONG)
def test_a_wrong_setting_is_refused_before_the_first_command(
    name: str, value: str, message: str, scripts: Scripts
) -> None:
    wrong: dict[str, Any] = {name: value}
    done = scripts.run("bootstrap.sh", **wrong)

    assert done.status == 2
    assert message in done.errors
    assert "nothing has been done" in done.errors
    assert done.commands == []
    assert done.output == ""


@pytest.mark.parametrize("line", CLOUD)
def test_every_script_checks_its_settings(line: str, scripts: Scripts) -> None:
    done = scripts.run(*line.split(), REGION="nowhere")

    assert done.status == 2
    assert "REGION is 'nowhere'" in done.errors
    assert done.commands == []


@pytest.mark.parametrize("line", ["ensure_origin.sh", "rollback.sh", "traffic.sh canary"])
def test_what_needs_the_domain_says_so(line: str, scripts: Scripts) -> None:
    done = scripts.run(*line.split(), DOMAIN="")

    assert done.status == 2
    assert "DOMAIN is not set" in done.errors
    assert done.commands == []


def test_all_wrong_settings_are_told_at_once(scripts: Scripts) -> None:
    done = scripts.run("bootstrap.sh", REGION="nowhere", MEMORY="much")

    assert "REGION is" in done.errors
    assert "MEMORY is" in done.errors


def test_every_setting_has_a_comment_and_is_used() -> None:
    lines = (INFRA / "settings.sh").read_text().splitlines()
    used = "".join(path.read_text() for path in INFRA.rglob("*") if path.suffix in (".sh", ".yaml"))
    derived = lines.index("## Derived from the above")
    settings = [re.match(r"([A-Z_]+)=", line) for line in lines[:derived]]
    for number, match in enumerate(settings):
        if match:
            previous = lines[number - 1]
            assert previous.startswith("#") or re.match(r"[A-Z_]+=", previous), match[1]
            assert len(re.findall(rf"\b{match[1]}\b", used)) >= 3, f"{match[1]} is not used"


def test_a_local_file_of_settings_is_read_and_the_environment_wins(scripts: Scripts) -> None:
    local = scripts.folder / "settings.local"
    local.write_text("# mine\nREGION=europe-north1\nMEMORY=1Gi\n")

    done = scripts.run("deploy_function.sh", "--dry-run", REGION="us-east1")

    assert "--memory=1Gi" in done.output
    assert "--region=us-east1" in done.output


def test_a_misspelled_name_in_the_local_file_is_refused(scripts: Scripts) -> None:
    (scripts.folder / "settings.local").write_text("REGOIN=europe-north1\n")

    done = scripts.run("bootstrap.sh")

    assert done.status == 2
    assert "sets 'REGOIN'" in done.errors
    assert done.commands == []


def test_a_missing_permission_is_not_taken_for_a_missing_resource(scripts: Scripts) -> None:
    denied = (r"\bdescribe\b", 1, "", "ERROR: PERMISSION_DENIED: you may not")

    done = scripts.run("bootstrap.sh", "buckets", answers=[denied])

    assert done.status == 1
    assert "PERMISSION_DENIED" in done.errors
    assert [line for line in done.gcloud if " create " in line] == []


def grants(scripts: Scripts, **settings: Any) -> dict[str, set[tuple[str, str]]]:
    """The roles of each service account, with the resources that they are granted on."""
    done = scripts.run("bootstrap.sh", answers=ALL_EXISTS, **settings)
    found: dict[str, set[tuple[str, str]]] = {}
    for line in done.gcloud:
        if match := re.search(
            r"add-iam-policy-binding (\S+).*serviceAccount:lesionlens-(\w+)@.*--role=(\S+)", line
        ):
            found.setdefault(match[2], set()).add((match[3], match[1]))
    return found


def test_identities_have_the_least_they_need(scripts: Scripts) -> None:
    granted = grants(scripts)

    assert set(granted) == {"function", "training", "build"}
    assert granted["function"] == {
        ("roles/storage.objectViewer", f"gs://{MODELS}"),
        ("roles/secretmanager.secretAccessor", "lesionlens-api-keys"),
    }
    assert granted["training"] == {
        ("roles/storage.objectCreator", f"gs://{MODELS}"),
        ("roles/storage.objectViewer", f"gs://{MODELS}"),
        ("roles/storage.objectViewer", f"gs://{DATA}"),
        ("roles/logging.logWriter", "demo-project"),
    }
    assert {grant for grant in granted["build"] if MODELS in grant[1]} == {
        ("roles/storage.objectViewer", f"gs://{MODELS}")
    }


def permissions(granted: set[tuple[str, str]], resource: str) -> set[str]:
    """The permissions on a resource, including those on the project."""
    return {
        permission
        for role, on in granted
        if on in (resource, "demo-project")
        for permission in ROLES[role]
    }


def test_no_role_reaches_further_than_the_readme_says(scripts: Scripts) -> None:
    granted = grants(scripts)

    # Accounts that can read the training data, and accounts that can change a release.
    for who in ("function", "build"):
        assert not {p for p in permissions(granted[who], f"gs://{DATA}") if "storage" in p}, who
    for who in granted:
        on_models = permissions(granted[who], f"gs://{MODELS}")
        assert not on_models & {"storage.objects.delete", "storage.objects.update"}, who
        assert ("storage.objects.create" in on_models) == (who == "training")
        everywhere = permissions(granted[who], "demo-project")
        assert not {p for p in everywhere if p.startswith(("storage.", "secretmanager."))}, who
        assert not {p for p in everywhere if p.endswith(("setIamPolicy", "actAs"))}, who
    # gcloud reads the metadata of the buckets that the build writes to.
    for bucket in ("web", "build"):
        on_it = permissions(granted["build"], f"gs://demo-project-lesionlens-{bucket}")
        assert {"storage.buckets.get", "storage.objects.create"} <= on_it


@pytest.mark.parametrize("role", ["roles/run.sourceDeveloper", "roles/run.builder"])
def test_a_planted_role_that_reads_all_objects_is_found(role: str) -> None:
    assert "storage.objects.get" in permissions({(role, "demo-project")}, f"gs://{DATA}")


def test_workers_of_dataflow_exist_only_where_they_are_asked_for(scripts: Scripts) -> None:
    granted = grants(scripts, ARCHIVE_BUCKET="demo-project-archive")

    assert granted["archive"] == {
        ("roles/dataflow.worker", "demo-project"),
        ("roles/storage.objectUser", "gs://demo-project-archive"),
        ("roles/storage.objectViewer", f"gs://{MODELS}"),
        ("roles/artifactregistry.reader", "lesionlens"),
    }


def test_only_the_one_branch_of_the_one_repository_is_the_builds_identity(scripts: Scripts) -> None:
    done = scripts.run("bootstrap.sh", "github", GITHUB_REPOSITORY="clinic/lesionlens")

    assert done.status == 0, done.errors
    provider = next(line for line in done.gcloud if "providers update-oidc actions" in line)
    assert "assertion.repository=='clinic/lesionlens'" in provider
    assert "assertion.ref=='refs/heads/main'" in provider
    binding = next(line for line in done.gcloud if "add-iam-policy-binding" in line)
    assert binding.split("--member=")[1].split()[0] == (
        "principalSet://iam.googleapis.com/projects/123456789012/locations/global/"
        "workloadIdentityPools/lesionlens-github/attribute.repository/clinic/lesionlens"
    )


def test_every_bucket_is_private_and_the_models_are_versioned(scripts: Scripts) -> None:
    done = scripts.run("bootstrap.sh", "buckets", answers=[NOTHING_EXISTS])

    created = [line for line in done.gcloud if "buckets create" in line]
    assert len(created) == 4
    for line in created:
        assert "--uniform-bucket-level-access" in line
        assert "--public-access-prevention" in line
    update = next(line for line in done.gcloud if f"buckets update gs://{MODELS}" in line)
    assert "--versioning" in update
    assert "--lifecycle-file=" in update


def test_a_release_is_published_for_good_its_manifest_last(scripts: Scripts) -> None:
    done = scripts.run("deploy_web.sh", "--release", "v1")

    assert done.status == 0, done.errors
    copies = [line for line in done.gcloud if " storage cp " in line]
    assert [re.search(r"gs://\S+/releases/v1/(\S+)", line)[1] for line in copies] == [
        "model.tflite", "detector.npz", "manifest.json",
    ]  # fmt: skip
    assert all("immutable" in line for line in copies)
    assert not any("rsync" in line for line in done.gcloud)


@pytest.mark.parametrize("domain", ["lesionlens.example.org", ""])
def test_what_is_uploaded_is_a_copy_that_names_its_address(
    scripts: Scripts, repository: Path, domain: str
) -> None:
    done = scripts.run("deploy_web.sh", DOMAIN=domain)

    assert done.status == 0, done.errors
    [page] = [line for line in done.gcloud if " storage cp " in line and "/web/index.html " in line]
    [sync] = [line for line in done.gcloud if "rsync" in line]
    own = f"{repository / 'web'}"
    assert (own in page) == (own in sync) == (not domain)


def test_the_page_leaves_published_releases_alone(scripts: Scripts) -> None:
    [sync] = [line for line in scripts.run("deploy_web.sh").gcloud if "rsync" in line]
    assert "^releases/.*" in sync


def test_the_page_is_uploaded_html_last_with_types(scripts: Scripts, repository: Path) -> None:
    done = scripts.run("deploy_web.sh")

    assert done.status == 0, done.errors
    copies = [line for line in done.gcloud if " storage cp " in line]
    html = [index for index, line in enumerate(copies) if ".html --content-type" in line]
    assert html == list(range(len(copies) - len(html), len(copies)))
    pages = [path for path in (repository / "web").rglob("*") if path.is_file()]
    kept = [path for path in pages if path.suffix == ".md" or "client" in path.parts]
    release = [line for line in copies if "/releases/v1/" in line]
    assert copies[: len(release)] == release
    assert len(copies) - len(release) == len(pages) - len(kept)
    for line in copies:
        assert "--content-type=" in line
        assert "--cache-control=" in line
    assert any("text/javascript; charset=utf-8" in line for line in copies)
    assert any("application/wasm" in line for line in copies)
    assert "rsync" in done.gcloud[-1]


def test_the_origin_sends_the_headers_that_the_function_sends(
    scripts: Scripts, repository: Path
) -> None:
    from lesionlens.api.security_headers import SECURITY_HEADERS

    done = scripts.run("ensure_origin.sh", answers=ALL_EXISTS)

    bucket = next(line for line in done.gcloud if "backend-buckets update" in line)
    for name, value in SECURITY_HEADERS.items():
        assert f"--custom-response-header={name}: {value}" in bucket
    services = [line for line in done.gcloud if "backend-services update" in line]
    assert len(services) == 2
    for line in (bucket, *services):
        assert "Strict-Transport-Security" in line
    for line in services:
        assert "--security-policy=lesionlens" in line
        assert "--no-enable-logging" in line


def test_a_rollout_that_ended_half_way_is_a_persons_decision(scripts: Scripts) -> None:
    answers = [(r"run services describe .*csv", 0, HALF, "")]

    done = scripts.run("deploy_function.sh", answers=answers)

    assert done.status == 1
    assert "a rollout ended half-way" in done.errors
    assert done.wrote() == []


@pytest.mark.parametrize("arguments", [["--image", "x:latest"], ["--same-code", "--first"]])
def test_an_image_is_named_by_its_digest(arguments: list[str], scripts: Scripts) -> None:
    done = scripts.run("deploy_function.sh", *arguments)

    assert done.status == 2
    assert done.commands == []


def test_a_new_revision_that_fails_with_all_the_traffic_is_told(scripts: Scripts) -> None:
    scripts.stand_in.faults["POST /v1/classify"] = (500, "application/problem+json", b"{}", {})
    answers = [(r"run services describe .*csv", 0, HALF, "")]

    done = scripts.run("traffic.sh", "full", answers=answers)

    assert done.status != 0
    assert "the candidate, lesionlens-00002, failed" in done.errors


def test_going_back_needs_a_previous_revision(scripts: Scripts) -> None:
    done = scripts.run("traffic.sh", "back")

    assert done.status == 1
    assert "no revision is tagged previous" in done.errors
    assert done.wrote() == []


def trainings(done: Done) -> list[list[str]]:
    return [command[3:] for command in done.commands if command[0] == "python"]


def test_promote_takes_the_pointer_back_when_the_candidate_fails(scripts: Scripts) -> None:
    # The stand-in responds with v1, so the candidate does not serve v2.
    done = scripts.run("promote.sh", "v2", pointer_after=["v1", "v2"])

    assert done.status != 0
    assert "version v1 answers, not v2" in done.output
    assert "moving the pointer back to v1" in done.errors
    assert [training[0] for training in trainings(done)] == ["promote", "rollback"]
    assert "--to-revisions" not in "".join(done.gcloud)


def test_rollback_takes_the_pointer_back_when_the_candidate_fails(scripts: Scripts) -> None:
    done = scripts.run("rollback.sh", pointer_after=["v2", "v0"])

    assert done.status != 0
    assert trainings(done)[1][:3] == ["promote", "v2", "--force"]


def test_a_refused_promotion_deploys_nothing(scripts: Scripts) -> None:
    refused = [(r"-m training promote", 1, "", "worse than the current one; use --force")]

    done = scripts.run("promote.sh", "v2", answers=refused)

    assert done.status != 0
    assert "use --force" in done.errors
    assert done.wrote() == []
    assert len(trainings(done)) == 1


def test_training_never_promotes(scripts: Scripts) -> None:
    done = scripts.run("train.sh", "--set", "training.batch=64")

    assert done.status == 0, done.errors
    job = next(line for line in done.gcloud if "custom-jobs create" in line)
    assert f"run;--config;full;--data;gs://{DATA}/ham10000;--store;" in job
    assert "--set;training.batch=64" in job
    assert "promote" not in job
    assert "--service-account=lesionlens-training@" in job


def test_several_workers_are_a_second_pool_of_the_same_machines(scripts: Scripts) -> None:
    one = scripts.run("train.sh")
    three = scripts.run("train.sh", TRAIN_WORKERS="3")

    for done, engine, replicas in ((one, "tensorflow", ["1"]), (three, "jax", ["1", "2"])):
        assert done.status == 0, done.errors
        build = next(line for line in done.gcloud if "builds submit" in line)
        job = next(line for line in done.gcloud if "custom-jobs create" in line)
        assert f"_ENGINE={engine}," in build
        assert re.findall(r"--worker-pool-spec=\S+replica-count=(\d+)", job) == replicas
        assert len(set(re.findall(r"container-image-uri=([^, ]+)", job))) == 1


def test_several_accelerators_of_one_machine_need_jax(scripts: Scripts) -> None:
    done = scripts.run("train.sh", TRAIN_ACCELERATOR="NVIDIA_TESLA_T4", TRAIN_ACCELERATOR_COUNT="4")

    assert done.status == 0, done.errors
    assert any("_ENGINE=jax," in line for line in done.gcloud)


def removes_models(done: Done) -> bool:
    return any(
        MODELS in line and re.search(r"\b(rm|delete)\b", line) for line in done.gcloud
    )  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "typed"),
    [
        (["--yes-remove", "demo-project"], ""),
        ([], "demo-project\n"),
        (["--yes-remove", "demo-project", "--models"], ""),
        (["--yes-remove", "demo-project", "--models"], "yes\n"),
        (["--models"], "demo-project\ndemo-project\n"),
        (["--yes-remove", "demo-project", "--models", "--yes-remove-models", "other"], ""),
        (["--yes-remove", "demo-project", "--yes-remove-models", MODELS], ""),
        (["--models", "--yes-remove-models", MODELS], ""),
        (["--models", "--dry-run"], ""),
    ],
)
def test_teardown_keeps_the_model_bucket_unless_told_twice(
    arguments: list[str], typed: str, scripts: Scripts
) -> None:
    done = scripts.run("teardown.sh", *arguments, typed=typed)

    assert not removes_models(done)


@pytest.mark.parametrize(
    ("arguments", "typed"),
    [
        (["--models"], f"demo-project\n{MODELS}\n"),
        (["--yes-remove", "demo-project", "--models", "--yes-remove-models", MODELS], ""),
    ],
)
def test_teardown_removes_the_model_bucket_when_told_twice(
    arguments: list[str], typed: str, scripts: Scripts
) -> None:
    done = scripts.run("teardown.sh", *arguments, typed=typed)

    assert done.status == 0, done.errors
    assert removes_models(done)


@pytest.mark.parametrize("typed", ["", "no\n", "demo\n"])
def test_teardown_without_confirmation_removes_nothing(typed: str, scripts: Scripts) -> None:
    done = scripts.run("teardown.sh", typed=typed)

    assert done.status == 1
    assert "nothing was removed" in done.errors
    assert done.commands == []


def test_teardown_skips_missing_resources(scripts: Scripts) -> None:
    nothing = [(r"channels list|sinks describe", 0, "", ""), NOTHING_EXISTS]

    done = scripts.run("teardown.sh", "--yes-remove", "demo-project", answers=nothing)

    assert done.status == 0, done.errors
    assert done.wrote() == []
