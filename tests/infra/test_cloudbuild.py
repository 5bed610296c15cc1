"""The Cloud Build files, parsed as Cloud Build's own message type."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.cloud.devtools.cloudbuild_v1 import Build
from google.protobuf.json_format import ParseDict, ParseError

from tests.conftest import ROOT
from tests.requirements import locked

FILES = ["cloudbuild.yaml", "infra/cloudbuild.image.yaml", "infra/cloudbuild.train.yaml"]
ORDER = ["started", "restore-cache", "check", "test", "save-cache", "image", "rollout"]
# https://cloud.google.com/build/docs/configuring-builds/substitute-variable-values
BUILT_IN = {"PROJECT_ID", "BUILD_ID", "SHORT_SHA", "COMMIT_SHA", "BRANCH_NAME", "LOCATION"}


def parse(document: dict[str, Any]) -> Build:
    """Parse a build file. Raises ParseError for fields that Cloud Build does not know."""
    # pb() returns the protocol buffer in the wrapper.
    return ParseDict(document, Build.pb()(), ignore_unknown_fields=False)


def problems(document: dict[str, Any]) -> list[str]:
    """Return errors beyond the message type: ids, substitutions, this project's own rules."""
    found = []
    ids: list[str] = []
    for step in document["steps"]:
        if not step.get("id"):
            found.append(f"a step of {step['name']} has no id")
        found += [
            f"{step.get('id')} waits for {name}, which is no step before it"
            for name in step.get("waitFor", [])
            if name != "-" and name not in ids
        ]
        if step.get("id") in ids:
            found.append(f"two steps have the id {step['id']}")
        if not step.get("timeout"):
            found.append(f"{step.get('id')} has no timeout")
        ids.append(step.get("id"))
    declared = set(document.get("substitutions", {}))
    # Cloud Build replaces substitutions everywhere except in scripts.
    outside = [{**step, "script": ""} for step in document["steps"]]
    text = str({**document, "steps": outside})
    used = set(re.findall(r"\$\{?(_?[A-Z][A-Z0-9_]*)\}?", text))
    found += [f"{name} is not declared" for name in sorted(used - declared - BUILT_IN)]
    found += [f"{name} is not used" for name in sorted(declared - used)]
    found += [f"{name} is not _UPPER" for name in declared if not re.fullmatch("_[A-Z0-9_]+", name)]
    environment = {entry.split("=")[0] for entry in document["options"]["env"]}
    for step in document["steps"]:
        script = step.get("script", "")
        local = set(re.findall(r"(?:^|[\s;])([A-Za-z_]\w*)=", script))
        local |= set(re.findall(r"\bfor (?:\(\()?([A-Za-z_]\w*)", script))
        for name in sorted(set(re.findall(r"\$\{?([A-Za-z_]\w*)", script)) - local - environment):
            found.append(f"the script of {step.get('id')} uses {name}, which nothing sets")
    return found


def read(repository: Path, name: str) -> dict[str, Any]:
    return yaml.safe_load((repository / name).read_text())


@pytest.mark.parametrize("name", FILES)
def test_a_build_file_is_a_build(name: str, repository: Path) -> None:
    document = read(repository, name)

    build = parse(document)

    assert len(build.steps) == len(document["steps"])
    assert problems(document) == []
    assert document["options"]["logging"] == "CLOUD_LOGGING_ONLY"
    assert document["timeout"]


def test_the_steps_are_in_order(repository: Path) -> None:
    document = read(repository, "cloudbuild.yaml")

    assert [step["id"] for step in document["steps"]] == ORDER
    # Without waitFor, a step waits for all previous ones, so a failure stops all later steps.
    assert not any("waitFor" in step for step in document["steps"])
    assert not any(step.get("allowFailure") for step in document["steps"])


def test_the_settings_of_a_build_are_settings(repository: Path) -> None:
    settings = (repository / "infra" / "settings.sh").read_text()
    own = {
        "CI",
        "PIP_CACHE_DIR",
        "BUILD_ID",
        "PIP_AUDIT",
        "ACCEPTED_FINDINGS",
        "DOCKER_BUILDKIT",
        "IMAGE",
        "CACHE",
        "COMMIT",
        "ENGINE",
        "START",
    }
    for name in FILES:
        for entry in read(repository, name)["options"]["env"]:
            variable = entry.split("=")[0]
            assert variable in own or f"\n{variable}=${{{variable}-" in settings


def test_the_triggers_fill_in_substitutions_that_exist(repository: Path) -> None:
    for name in ("deploy", "retrain"):
        trigger = read(repository, f"infra/triggers/{name}.yaml")
        file = trigger.get("filename") or trigger["gitFileSource"]["path"]

        assert len(trigger["substitutions"]) >= 5
        assert set(trigger["substitutions"]) <= set(read(repository, file)["substitutions"])


def test_an_image_is_tried_and_audited_before_it_is_pushed_and_signed(repository: Path) -> None:
    document = read(repository, "infra/cloudbuild.image.yaml")

    # Cloud Build pushes `images` after the last step.
    assert [step["id"] for step in document["steps"]] == [
        "build", "try", "layers", "audit", "sbom",
    ]  # fmt: skip
    assert document["images"] == ["${_IMAGE}"]
    assert document["options"]["requestedVerifyOption"] == "VERIFIED"
    audit = document["steps"][3]["script"]
    assert "pip-audit" in audit
    assert "||" not in audit
    assert (
        document["substitutions"]["_PIP_AUDIT"]
        == locked(repository / "tests" / "requirements.txt")["pip-audit"]
    )


def test_retraining_never_promotes(repository: Path) -> None:
    text = (repository / "infra" / "cloudbuild.train.yaml").read_text()

    assert "infra/train.sh" in text
    assert not re.search(r"promote\.sh|--promote|traffic\.sh", text)


def change(path: str, value: Any) -> dict[str, Any]:
    """Return this repository's build with one planted error."""
    document = read(ROOT, "cloudbuild.yaml")
    *way, last = path.split(".")
    node: Any = document
    for key in way:
        node = node[int(key) if key.isdigit() else key]
    node[last] = value
    return document


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("step", []),
        ("steps.0.time_out", "1s"),
        ("steps.0.timeout", "20m"),
        ("steps.0.waitfor", ["x"]),
        ("steps.0.args", "a string"),
        ("options.loging", "NONE"),
        ("options.logging", "CLOUD_LOGING_ONLY"),
        ("options.machineType", "E2_HIGHCPU_7"),
        ("steps.1.volumes", [{"name": "cache", "paht": "/cache"}]),
        ("substitutions._LIST", ["a"]),
    ],
)
def test_a_planted_misspelling_does_not_parse(path: str, value: Any) -> None:
    with pytest.raises(ParseError):
        parse(change(path, value))


@pytest.mark.parametrize(
    ("path", "value", "found"),
    [
        ("steps.3.waitFor", ["chekc"], "waits for chekc"),
        ("steps.3.waitFor", ["rollout"], "waits for rollout"),
        ("steps.3.id", "check", "two steps"),
        ("steps.3.id", "", "has no id"),
        ("steps.3.timeout", None, "has no timeout"),
        ("steps.3.name", "${_CLOUD_SKD}", "_CLOUD_SKD is not declared"),
        ("substitutions._UNUSED", "x", "_UNUSED is not used"),
        ("steps.6.script", 'infra/smoke.sh "https://$CANDIDATE_HSOT"', "uses CANDIDATE_HSOT"),
    ],
)
def test_a_planted_wrong_id_or_substitution_is_found(path: str, value: Any, found: str) -> None:
    document = change(path, value)

    assert parse(document)
    assert any(found in problem for problem in problems(document))
