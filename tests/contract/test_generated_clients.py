"""Clients generated from openapi.json: compiled, type-checked, and run.

Each program uploads an image and a batch with a damaged image, and reads both responses and an
error with the generated types.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from lesionlens.api import keyring
from lesionlens.api.rate import Rate
from tests import npm, server
from tests.conftest import ROOT
from tests.pictures import JPEG

DOCUMENT = ROOT / "function" / "openapi.json"
HERE = Path(__file__).parent
BIN = Path(sys.executable).parent
LIMIT_S = 600

pytestmark = pytest.mark.slow


KEY, CONFIGURED = keyring.create("Example Clinic", Rate(600, "minute"), 16, date(2999, 1, 1))


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    log = tmp_path_factory.mktemp("contract") / "log.txt"
    configured = keyring.document([CONFIGURED])
    with server.running(log, API_KEYS=configured) as serving:
        assert serving.get("/ready")[0] == 200
        yield serving.url


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "lesion.jpg").write_bytes(JPEG)
    (tmp_path / "damaged.jpg").write_bytes(JPEG[:9000])
    return tmp_path


def run(folder: Path, *command: str | Path, **environment: str) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    # Linters write warnings to stderr.
    return done.stdout if "lint" not in command else done.stdout + done.stderr


def tool(name: str) -> Path:
    """A tool of package.json; skips the test if it is missing."""
    try:
        return npm.tool(HERE, name)
    except npm.Unavailable as error:
        pytest.skip(str(error))


EXPECTED = "nv True\n2 422 Truncated image\n400 Malformed request\n"


def check_python(folder: Path, program: str, address: str) -> None:
    """Type-check a program with the client generated beside it, and run it."""
    (folder / "program.py").write_text(program)
    lenient = ("--follow-imports", "silent", "--config-file", os.devnull)
    run(folder, sys.executable, "-m", "mypy", "--strict", *lenient, "program.py")
    assert run(folder, sys.executable, "program.py", address, KEY) == EXPECTED


def test_openapi_python_client(folder: Path, address: str) -> None:
    generate = (BIN / "openapi-python-client", "generate", "--path", DOCUMENT, "--meta", "none")
    run(folder, *generate, "--output-path", "lesionlens_api")
    check_python(folder, (HERE / "openapi_python_client_program.py").read_text(), address)


def test_openapi_generator_python(folder: Path, address: str) -> None:
    generate = (BIN / "openapi-generator-cli", "generate", "-g", "python", "-i", DOCUMENT)
    run(folder, *generate, "-o", ".", "--package-name", "lesionlens_api")
    check_python(folder, (HERE / "openapi_generator_program.py").read_text(), address)


def test_datamodel_code_generator(folder: Path, address: str) -> None:
    generate = (BIN / "datamodel-codegen", "--input", DOCUMENT, "--input-file-type", "openapi")
    options = ("--output", "lesionlens_api.py", "--output-model-type", "pydantic_v2.BaseModel")
    run(folder, *generate, *options, "--formatters", "builtin")
    check_python(folder, (HERE / "datamodel_program.py").read_text(), address)


TYPESCRIPT: dict[str, tuple[str, ...]] = {
    "openapi-typescript": (str(DOCUMENT), "-o", "api.ts"),
    "openapi-ts": ("-i", str(DOCUMENT), "-o", "api", "-c", "@hey-api/client-fetch"),
    "orval": ("--input", str(DOCUMENT), "--output", "api.ts", "--client", "fetch"),
    "swagger-typescript-api": ("generate", "-p", str(DOCUMENT), "-o", ".", "-n", "api.ts"),
}


@pytest.mark.parametrize("generator", TYPESCRIPT)
def test_typescript(folder: Path, address: str, generator: str) -> None:
    """Compile a program with strict checks, and run it in Node."""
    run(folder, tool(generator), *TYPESCRIPT[generator])
    shutil.copy(HERE / f"{generator}.program.ts", folder / "program.ts")
    (folder / "node_modules").symlink_to(HERE / "node_modules")
    strict = ("--strict", "--skipLibCheck", "--target", "es2022", "--module", "commonjs")
    types = ("--types", "node", "--lib", "es2022,dom,dom.iterable")
    run(folder, tool("tsc"), *strict, *types, "--outDir", "out", "program.ts")
    assert run(folder, "node", "out/program.js", address) == EXPECTED


@pytest.mark.parametrize(
    ("linter", "options"),
    [
        ("redocly", ("lint", str(DOCUMENT), "--extends", "recommended", "--max-problems", "0")),
        ("spectral", ("lint", str(DOCUMENT), "-r", "rules.yaml", "--fail-severity", "hint")),
    ],
)
def test_linters_find_nothing(tmp_path: Path, linter: str, options: tuple[str, ...]) -> None:
    (tmp_path / "rules.yaml").write_text("extends: spectral:oas\n")
    found = run(tmp_path, tool(linter), *options, REDOCLY_TELEMETRY="off")
    assert re.search(r"\d warning", found) is None, found
