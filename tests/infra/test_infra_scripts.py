"""What the scripts of infra/ do: dry runs, settings, idempotence, and what they undo."""

import re
import shlex
from pathlib import Path

import pytest

from tests.infra.recording import AFTER_CANARY, ALL_EXISTS, NOTHING_EXISTS, Scripts

INFRA = Path(__file__).resolve().parents[2] / "infra"
LIBRARIES = ("settings.sh", "lib.sh")
NAMES = sorted(path.name for path in INFRA.glob("*.sh") if path.name not in LIBRARIES)
CLOUD = [
    "bootstrap.sh",
    "deploy_function.sh",
    "deploy_function.sh --first",
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


def test_the_scripts_are_those_that_the_readme_tells_of() -> None:
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
            assert any(word.startswith(("--project=", "--billing-account=")) for word in words)


def test_the_dry_run_of_a_deployment(scripts: Scripts) -> None:
    done = scripts.run("deploy_function.sh", "--model-version", "v7", "--dry-run")

    deploy = next(line for line in done.output.splitlines() if "run deploy" in line)
    words = shlex.split(deploy)
    assert words[:4] == ["gcloud", "run", "deploy", "lesionlens"]
    for flag in (
        f"--source={INFRA.parent}/function",
        "--function=classify",
        "--base-image=python311",
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
    dry = scripts.run("traffic.sh", "back", "--dry-run")
    real = scripts.run("traffic.sh", "back")

    assert dry.output.splitlines() == [shlex.join(command) for command in real.commands]


WRONG = [
    ("PROJECT", "", "PROJECT is ''"),
    ("PROJECT", "Demo_Project", "the id of a Google Cloud project"),
    ("REGION", "europe", "a region such as europe-west1"),
    ("SERVICE", "Lesion Lens", "lower-case letters"),
    ("SERVICE", "a-name-that-is-far-too-long", "up to 21"),
    ("DOMAIN", "https://lesionlens.example.org", "a host name"),
    ("CANDIDATE_HOST", "lesionlens.example.org", "another name than DOMAIN"),
    ("MODEL_BUCKET", "gs://bucket", "a bucket name"),
    ("WEB_BUCKET", MODELS, "three different buckets"),
    ("RUNTIME", "python3.11", "a runtime such as python311"),
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
    ("LOG_LEVEL", "verbose", "DEBUG, INFO"),
    ("API_KEYS_VERSION", "latest", "the number of a version"),
    ("CANARY_PERCENT", "100", "from 1 to 50"),
    ("SOAK_SECONDS", "2m", "from 0 to 999"),
    ("RATE_LIMIT_PER_MINUTE", "0", "a whole number from 1"),
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
    done = scripts.run("bootstrap.sh", **{name: value})

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


@pytest.mark.parametrize("line", ["ensure_origin.sh", "promote.sh v2", "traffic.sh canary"])
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
    made_of_others = lines.index("## Made of the above")
    settings = [re.match(r"([A-Z_]+)=", line) for line in lines[:made_of_others]]
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


@pytest.mark.parametrize("name", ["bootstrap.sh", "ensure_origin.sh"])
def test_what_exists_is_not_created_again(name: str, scripts: Scripts) -> None:
    first = scripts.run(name, answers=[
        (r"addresses describe .*value", 0, "203.0.113.7", ""),
        (r"sinks describe", 0, "", ""),
        NOTHING_EXISTS,
    ])  # fmt: skip
    again = scripts.run(name, answers=ALL_EXISTS)

    assert first.status == 0, first.errors
    assert again.status == 0, again.errors
    assert sum(" create " in line for line in first.gcloud) > 8
    assert [line for line in again.gcloud if " create " in line or "--add-exclusion" in line] == []


def test_no_permission_is_not_taken_for_not_there(scripts: Scripts) -> None:
    denied = (r"\bdescribe\b", 1, "", "ERROR: PERMISSION_DENIED: you may not")

    done = scripts.run("bootstrap.sh", answers=[denied])

    assert done.status == 1
    assert "PERMISSION_DENIED" in done.errors
    assert [line for line in done.gcloud if " create " in line] == []


def test_identities_have_the_least_they_need(scripts: Scripts) -> None:
    done = scripts.run("bootstrap.sh", answers=ALL_EXISTS)

    grants: dict[str, set[str]] = {"function": set(), "training": set(), "build": set()}
    for line in done.gcloud:
        if match := re.search(r"add-iam-policy-binding (\S+).*serviceAccount:lesionlens-(\w+)@"
                              r".*--role=(\S+)", line):  # fmt: skip
            grants[match[2]].add(f"{match[3]} {match[1]}")
    assert grants["function"] == {
        f"roles/storage.objectViewer gs://{MODELS}",
        "roles/secretmanager.secretAccessor lesionlens-api-keys",
    }
    assert grants["training"] == {
        f"roles/storage.objectCreator gs://{MODELS}",
        f"roles/storage.objectViewer gs://{MODELS}",
        "roles/logging.logWriter demo-project",
    }
    assert f"roles/storage.objectViewer gs://{MODELS}" in grants["build"]
    on_the_models = {grant for grant in grants["build"] if MODELS in grant}
    assert on_the_models == {f"roles/storage.objectViewer gs://{MODELS}"}
    for granted in grants.values():
        assert not any(re.search(r"owner|editor|\badmin", grant, re.I) for grant in granted)


def test_the_model_bucket_is_private_and_versioned(scripts: Scripts) -> None:
    done = scripts.run("bootstrap.sh", answers=[(r"sinks describe", 0, "", ""), NOTHING_EXISTS])

    on_it = [line for line in done.gcloud if f"gs://{MODELS}" in line]
    create = next(line for line in on_it if "buckets create" in line)
    update = next(line for line in on_it if "buckets update" in line)
    assert "--uniform-bucket-level-access" in create
    assert "--public-access-prevention" in create
    assert "--versioning" in update
    assert "--lifecycle-file=" in update
    assert not any("allUsers" in line for line in on_it)


def test_the_request_log_with_its_addresses_is_excluded(scripts: Scripts) -> None:
    done = scripts.run("bootstrap.sh", answers=[(r"sinks describe", 0, "", ""), NOTHING_EXISTS])

    exclusion = next(line for line in done.gcloud if "--add-exclusion" in line)
    assert "run.googleapis.com%2Frequests" in exclusion


def test_the_page_is_uploaded_html_last_with_types(scripts: Scripts, repository: Path) -> None:
    done = scripts.run("deploy_web.sh")

    assert done.status == 0, done.errors
    copies = [line for line in done.gcloud if " storage cp " in line]
    html = [index for index, line in enumerate(copies) if ".html --content-type" in line]
    assert html == list(range(len(copies) - len(html), len(copies)))
    pages = [path for path in (repository / "web").rglob("*") if path.is_file()]
    assert len(copies) == len([path for path in pages if path.suffix != ".md"])
    for line in copies:
        assert "--content-type=" in line
        assert "--cache-control=" in line
    assert any("text/javascript; charset=utf-8" in line for line in copies)
    assert "rsync" in done.gcloud[-1]


def test_the_origin_sends_the_headers_that_the_function_sends(
    scripts: Scripts, repository: Path
) -> None:
    from lesionlens.api.app import SECURITY_HEADERS

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


def test_a_rollout_under_way_is_not_cut_off(scripts: Scripts) -> None:
    answers = [(r"run services describe .*csv", 0, AFTER_CANARY, "")]

    done = scripts.run("deploy_function.sh", answers=answers)

    assert done.status == 1
    assert "another rollout is under way" in done.errors
    assert done.wrote() == []


def test_a_canary_that_logs_errors_loses_its_traffic(scripts: Scripts) -> None:
    answers = [(r"logging read", 0, "2026-01-01 ERROR internal error", "")]

    done = scripts.run("traffic.sh", "canary", answers=answers)

    assert done.status == 1
    assert "internal error" in done.errors
    assert ["=candidate=10" in line for line in done.wrote()] == [True, False]
    assert "--to-tags=candidate=0" in done.wrote()[-1]


def test_a_canary_that_does_not_answer_loses_its_traffic(scripts: Scripts) -> None:
    scripts.stand_in.faults["GET /ready"] = (503, "application/problem+json", b"{}", {})

    done = scripts.run("traffic.sh", "canary")

    assert done.status == 1
    assert "--to-tags=candidate=0" in done.wrote()[-1]


def test_a_canary_reads_the_log_of_the_candidate_only(scripts: Scripts) -> None:
    done = scripts.run("traffic.sh", "canary")

    assert done.status == 0, done.errors
    log = next(line for line in done.gcloud if "logging read" in line)
    assert 'revision_name="lesionlens-00002"' in log
    assert "candidate=0" not in "".join(done.gcloud)


def test_a_new_revision_that_fails_with_all_the_traffic_gives_it_back(scripts: Scripts) -> None:
    scripts.stand_in.faults["POST /v1/classify"] = (500, "application/problem+json", b"{}", {})
    answers = [(r"run services describe .*csv", 0, AFTER_CANARY, "")]

    done = scripts.run("traffic.sh", "full", answers=answers)

    assert done.status != 0
    assert "--update-tags=previous=lesionlens-00001" in done.wrote()[0]
    assert "--to-tags=candidate=100" in done.wrote()[0]
    assert "--to-tags=previous=100" in done.wrote()[-1]


def trainings(done: object) -> list[list[str]]:
    return [command[3:] for command in done.commands if command[0] == "python"]


def test_promote_moves_the_pointer_then_the_traffic(scripts: Scripts) -> None:
    scripts.stand_in.version = "v2"

    done = scripts.run("promote.sh", "v2")

    assert done.status == 0, done.errors
    assert trainings(done) == [["promote", "v2", "--store", f"gs://{MODELS}/models"]]
    order = [
        next(i for i, line in enumerate(done.gcloud) if part in line)
        for part in ("MODEL_VERSION=v2", "candidate=10", "candidate=100", "live=")
    ]
    assert order == sorted(order)


def test_promote_takes_the_pointer_back_when_the_candidate_fails(scripts: Scripts) -> None:
    # The stand-in answers with v1, so v2 is not what the candidate serves.
    done = scripts.run("promote.sh", "v2", pointer_after=["v1", "v2"])

    assert done.status != 0
    assert "version v1 answers, not v2" in done.output
    assert "moving the pointer back to v1" in done.errors
    assert [training[0] for training in trainings(done)] == ["promote", "rollback"]
    assert "candidate=10" not in "".join(done.gcloud)


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


def test_rollback_pins_what_the_pointer_then_names(scripts: Scripts) -> None:
    done = scripts.run("rollback.sh")

    assert done.status == 0, done.errors
    assert trainings(done) == [["rollback", "--store", f"gs://{MODELS}/models"]]
    assert any("MODEL_VERSION=v1" in line for line in done.wrote())
    assert not any("candidate=10 " in line for line in done.wrote())


def test_training_never_promotes(scripts: Scripts) -> None:
    done = scripts.run("train.sh", "--set", "training.batch=64")

    assert done.status == 0, done.errors
    job = next(line for line in done.gcloud if "custom-jobs create" in line)
    assert f"run;--config;full;--data;gs://{MODELS}/data/ham10000;--store;" in job
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


def removes_models(done: object) -> bool:
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


def test_teardown_passes_over_what_is_gone(scripts: Scripts) -> None:
    nothing = (r"channels list", 0, "", "")

    done = scripts.run(
        "teardown.sh", "--yes-remove", "demo-project", answers=[NOTHING_EXISTS, nothing]
    )

    assert done.status == 0, done.errors
    assert done.wrote() == []
