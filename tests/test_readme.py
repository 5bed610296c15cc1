"""Checks the commands, tables, figures and links of the README files."""

import dataclasses
import json
import re
from pathlib import Path

import pytest
from werkzeug.test import Client

from lesionlens.model.storage import open_store
from lesionlens.settings import Settings, from_environment
from tests import releases
from tests.conftest import RELEASES, ROOT
from training import config
from training.__main__ import STAGES, main
from training.releasing import card, publish

README = (ROOT / "README.md").read_text()
FUNCTION = (ROOT / "function" / "README.md").read_text()
TRAINING = (ROOT / "training" / "README.md").read_text()
PAGES = sorted(
    path
    for pattern in ("*.md", "[!.]*/*.md", "tests/*/*.md", ".github/*.md")
    for path in ROOT.glob(pattern)
)


def commands(*pages: str) -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", "\n".join(pages), re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def variables(page: str) -> dict[str, str]:
    """Variables and defaults in a README's table."""
    section = page.partition("\n## Variables\n")[2].partition("\n## ")[0]
    return dict(re.findall(r"^\| `([A-Z0-9_]+)` \| (.*?) \|", section, re.MULTILINE))


def test_every_variable_of_the_function_is_documented_with_its_default() -> None:
    documented = variables(FUNCTION)
    fields = {field.name.upper(): field.default for field in dataclasses.fields(Settings)}
    assert set(documented) == set(fields)
    for name, default in documented.items():
        if literal := re.fullmatch(r"`(.*)`", default):
            given = from_environment({"MODEL_URI": "file:///m", name: literal[1]})
            assert given == from_environment({"MODEL_URI": "file:///m"}), name


def test_the_variables_of_the_training_job_are_read_by_it() -> None:
    sources = "".join(path.read_text() for path in (ROOT / "training").rglob("*.py"))
    documented = variables(TRAINING)
    names = {"HAM10000_DIR", "ISIC_ARCHIVE_DIR", "CLOSE_UPS_DIR", "IMAGENET_WEIGHTS"}
    assert set(documented) == names
    for name in documented:
        assert f'"{name}"' in sources


@pytest.mark.parametrize(
    "command", [c for page in PAGES for c in commands(page.read_text()) if c.startswith("make ")]
)
def test_every_make_target_exists(command: str) -> None:
    makefile = (ROOT / "Makefile").read_text()
    assert re.search(rf"^{command.split()[1]}:.*## ", makefile, re.MULTILINE)


@pytest.mark.parametrize("command", [c for c in commands(TRAINING) if "-m training" in c])
def test_every_training_command_is_understood(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = command.partition("-m training ")[2].split()
    with pytest.raises(SystemExit) as stopped:
        main([*arguments, "--help"])
    assert stopped.value.code == 0
    assert f"training {arguments[0]}" in capsys.readouterr().out


def test_every_stage_is_shown() -> None:
    for stage in set(STAGES) - {"run"}:
        assert f"-m training {stage}" in TRAINING


def test_the_results_are_those_of_the_shipped_release() -> None:
    """`python -m training results` writes them."""
    assert card.update(TRAINING, card.results(releases.manifest())) == TRAINING
    assert f"](releases/{releases.VERSION}/MODEL_CARD.md)" in TRAINING


def test_the_table_of_releases_is_of_their_manifests() -> None:
    listed = publish.list_releases(open_store(RELEASES.as_uri()))
    readable = [release.manifest for release in listed if release.manifest]
    document = (ROOT / "training" / "EXPERIMENTS.md").read_text()
    assert card.update(document, card.releases(readable)) == document
    assert f" {releases.VERSION} |" in document


def test_the_command_that_trains_the_shipped_release_has_its_configuration() -> None:
    name = re.search(r"-m training run --config (\S+)", TRAINING)[1]
    assert config.load(name).as_json() == releases.manifest().training


def test_a_readme_without_a_place_for_results_is_told() -> None:
    with pytest.raises(ValueError, match="lacks the lines <!-- results: begin -->"):
        card.update("# Title", "")


def test_curl_gets_the_answer_that_is_shown(shared_client: Client) -> None:
    (command,) = [line for line in commands(README) if line.startswith("curl ")]
    picture, media_type = re.search(r"@(\S+) -H 'Content-Type: (\S+)' localhost", command).groups()
    data = (ROOT / picture).read_bytes()
    real = shared_client.post("/v1/classify", data=data, content_type=media_type).json
    shown = json.loads(re.search(r"```json\n(.*?)```", README, re.DOTALL)[1])
    assert list(shown) == list(real)
    for volatile in ("request_id", "timing_ms"):
        assert shown.pop(volatile).__class__ is real.pop(volatile).__class__
    malignancy = real["malignancy"]
    for entry in (real["prediction"], malignancy, malignancy["decision"], *real["probabilities"]):
        # Other processors round differently, and the README shows few digits.
        entry["probability"] = pytest.approx(entry["probability"], abs=0.02)
    real["prior"]["malignant"] = pytest.approx(real["prior"]["malignant"], abs=1e-4)
    real["input"]["score"] = pytest.approx(real["input"]["score"], abs=0.1)
    order = {entry["label"]: entry for entry in real.pop("probabilities")}
    for entry in shown.pop("probabilities"):
        assert entry == order[entry["label"]]
    assert shown == real


def test_the_safety_notice_and_the_licence_come_before_anything_to_run() -> None:
    start = README.partition("```sh")[0]
    assert "Not a medical diagnosis, and not a cleared medical device." in start
    assert "CC BY-NC 4.0" in start


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_inside_the_repository_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_every_term_of_the_glossary_is_used() -> None:
    contributing = (ROOT / "CONTRIBUTING.md").read_text()
    glossary = contributing.partition("\n## Terms\n")[2].partition("\n## ")[0]
    terms = re.findall(r"^\| ([a-z ]+?) \|", glossary, re.MULTILINE)
    paths = [path for part in ("function", "training") for path in (ROOT / part).rglob("*.py")]
    sources = "\n".join(path.read_text() for path in paths).lower()
    assert len(terms) > 10
    for term in terms:
        assert re.search(term.replace(" ", "[ _]?"), sources), term
