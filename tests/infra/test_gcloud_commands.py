"""Every gcloud command of every script, recorded and linted by gcloud itself."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.infra.recording import ALL_EXISTS, HALF, IMAGE, NOTHING_EXISTS, Answer, Scripts
from tests.infra.standin import StandIn

NEW: list[Answer] = [
    # Descriptions of resources that always exist.
    (r"run services describe .*csv", 0, "100,,lesionlens-00001\n,candidate,lesionlens-00002\n", ""),
    (r"addresses describe .*value", 0, "203.0.113.7", ""),
    (r"sinks describe|channels list", 0, "", ""),
    (r"revisions describe", 0, IMAGE, ""),
    (r"projects describe", 0, "123456789012", ""),
    (r"backends\[\]", 0, "https://c/regions/us-east1/networkEndpointGroups/x", ""),
    NOTHING_EXISTS,
]
FOUND: list[Answer] = [(r"\blist\b|list-configs", 0, "found", "")]

PLANTED = [
    "gcloud run deploy s --source=function --function=classify --no-trafic --region=r",
    "gcloud run service update-traffic s --to-tags=candidate=10 --region=r",
    "gcloud run deploy s --source=f --ingress=internal-and-load-balancing --region=r",
    "gcloud storage buckets create gs://b --uniform-bucket-level-acess",
    "gcloud storage buckets update gs://b --lifecycle-files=x",
    "gcloud compute security-policies rules create 1000 --security-policy=s --action=throtle",
    "gcloud compute forwarding-rules create f --global --prots=443",
    "gcloud ai custom-jobs create --region=r --display-name=n --worker-pool-spek=a=b",
]

# Runs of scripts with the resources that exist; together they execute every gcloud command.
RUNS: list[tuple[str, list[Answer]]] = [
    ("bootstrap.sh", NEW),
    ("bootstrap.sh", ALL_EXISTS),
    ("deploy_function.sh --first", NEW),
    ("deploy_function.sh", []),
    ("build_image.sh", []),
    ("deploy_function.sh --same-code --model-version v2", []),
    ("deploy_web.sh", []),
    ("ensure_origin.sh", NEW),
    ("ensure_origin.sh", ALL_EXISTS),
    ("traffic.sh show", []),
    ("traffic.sh canary --dry-run", []),
    ("traffic.sh full", [(r"run services describe .*csv", 0, HALF, "")]),
    ("traffic.sh withdraw", []),
    ("traffic.sh back", [(r"run services describe .*csv", 0, "100,,a\n,previous,b\n", "")]),
    ("traffic.sh tag", []),
    ("train.sh --wait", []),
    ("promote.sh v1 --dry-run", []),
    ("rollback.sh", []),
    ("rollout.sh --dry-run", []),
    ("releases.sh", []),
    ("teardown.sh --yes-remove demo-project --models --yes-remove-models "
     "demo-project-lesionlens-models --data --yes-remove-data demo-project-lesionlens-data", FOUND),
]  # fmt: skip


# The linter builds gcloud's command tree twice for each command, which takes most of the time.
LINT = """
import sys
sys.path[:0] = [sys.argv[1], sys.argv.pop(1) + "/third_party"]
from googlecloudsdk import gcloud_main
tree = gcloud_main.CreateCLI([])
gcloud_main.CreateCLI = lambda *_: tree
sys.exit(gcloud_main.main())
"""


def lint(gcloud: str, commands: list[str], folder: Path) -> dict[str, str]:
    """Return gcloud's error message for each command that it rejects."""
    file = folder / "commands.json"
    file.write_text(json.dumps([{"command_string": command} for command in commands]))
    root = Path(gcloud).resolve().parents[1]
    bundled = root / "platform" / "bundledpythonunix" / "bin" / "python3"
    python = bundled if bundled.exists() else sys.executable
    arguments = ("meta", "lint-gcloud-commands", f"--commands-file={file}")
    done = subprocess.run(
        [python, "-W", "ignore", "-c", LINT, str(root / "lib"), *arguments],
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    # Its exit status is always 0.
    results = json.loads(done.stdout)
    assert len(results) == len(commands)
    return {
        result["command_string"]: f"{result['error_type']}: {result['error_message']}"
        for result in results
        if not result["success"]
    }


def quoted(word: str) -> str:
    """Quote a command; of a flag only the value: the linter misreads `--flag '--other=a b'`."""
    flag, equals, value = word.partition("=")
    return f"{flag}={shlex.quote(value)}" if equals and flag[:2] == "--" else shlex.quote(word)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> list[str]:
    """The gcloud commands of all RUNS, as command lines."""
    folder = tmp_path_factory.mktemp("record")
    with StandIn() as stand_in, Scripts(repository, folder, stand_in) as scripts:
        return collect(scripts)


# Only the lock's holder removes it, which a recorded run is not.
UNLOCK = "gcloud storage rm gs://b/locks/rollout --if-generation-match=7 --project=demo-project"


def collect(scripts: Scripts) -> list[str]:
    commands = [UNLOCK]
    for line, answers in RUNS:
        name, *arguments = line.split()
        accelerator: dict[str, Any] = (
            {"TRAIN_ACCELERATOR": "NVIDIA_TESLA_T4", "TRAIN_WORKERS": "2"}
            if name == "train.sh"
            else {}
        )
        done = scripts.run(name, *arguments, answers=answers, API_KEYS_VERSION="3",
                           GITHUB_REPOSITORY="clinic/lesionlens", ARCHIVE_BUCKET="archive-bucket",
                           **accelerator)  # fmt: skip
        assert done.status == 0, f"{line}: {done.errors}"
        printed = [shlex.split(line) for line in done.output.splitlines() if line[:7] == "gcloud "]
        found = [" ".join(map(quoted, command)) for command in [*done.commands, *printed]]
        found = [command for command in found if command.startswith("gcloud ")]
        assert found, line
        commands += found
    return sorted(set(commands))


@pytest.fixture(scope="module")
def complaints(
    recorded: list[str], gcloud: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """Error messages of gcloud for the recorded and the planted commands, in one run."""
    return lint(gcloud, [*recorded, *PLANTED], tmp_path_factory.mktemp("lint"))


def test_gcloud_accepts_every_command_of_every_script(
    recorded: list[str], complaints: dict[str, str]
) -> None:
    assert len(recorded) > 150
    assert complaints.keys() & set(recorded) == set()


def test_every_gcloud_command_in_the_scripts_is_among_those_recorded(
    recorded: list[str], repository: Path
) -> None:
    together = "\n".join(recorded)
    written = set()
    for script in (repository / "infra").glob("*.sh"):
        text = script.read_text().replace("\\\n", " ")
        written |= set(re.findall(r"^\s*cloud ((?:[a-z][a-z-]*\s+){2,4})", text, re.M))

    assert len(written) > 20
    for words in written:
        assert f"gcloud {' '.join(words.split())}" in together


def test_planted_misspellings_are_refused(complaints: dict[str, str]) -> None:
    assert complaints.keys() >= set(PLANTED)
