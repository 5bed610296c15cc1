"""The Beam pipeline: the same results as archive.py, with the same package versions."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import requirements
from tests.conftest import ROOT, VARIABLES
from tests.dicom import photograph
from tests.pictures import JPEG, encoded, lesion

BEAM = ROOT / "infra" / "beam"
PYTHON = ROOT / ".venv-beam" / "bin" / "python"


def test_the_pipeline_has_the_versions_of_the_function() -> None:
    of_function = requirements.direct()
    of_pipeline = requirements.locked(BEAM / "requirements.txt")
    assert of_function.items() <= of_pipeline.items()
    image = (BEAM / "Dockerfile").read_text()
    assert f"FROM apache/beam_python3.11_sdk:{of_pipeline['apache-beam']}\n" in image


@pytest.mark.slow
def test_its_results_are_those_of_one_machine(tmp_path: Path) -> None:
    if not (PYTHON.parents[1] / ".ready").is_file():
        pytest.skip("Apache Beam's environment is missing; make .venv-beam/.ready")
    archive = tmp_path / "archive"
    (archive / "b").mkdir(parents=True)
    for number in range(8):
        name = f"{'b/' * (number % 2)}{number}.jpg"
        (archive / name).write_bytes(encoded(lesion(320 + number, 240)))
    (archive / "a.jpg").write_bytes(JPEG)
    (archive / "b" / "photo.dcm").write_bytes(photograph())
    (archive / "lesion.heic").write_bytes((ROOT / "tests" / "data" / "lesion.heic").read_bytes())
    (archive / "notes.txt").write_bytes(b"no image")

    clean = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    one = tmp_path / "one.jsonl"
    alone = (sys.executable, ROOT / "function" / "archive.py", archive, one)
    subprocess.run(alone, env=clean, check=True, capture_output=True)
    # Two workers, each a process of its own.
    workers = ("--direct_running_mode=multi_processing", "--direct_num_workers=2")
    spread = (PYTHON, BEAM / "pipeline.py", archive, tmp_path / "many", *workers)
    subprocess.run(spread, env=clean, check=True, capture_output=True)

    many = b"".join(part.read_bytes() for part in tmp_path.glob("many-*.jsonl"))
    assert sorted(many.splitlines()) == sorted(one.read_bytes().splitlines())
    lines = [json.loads(line) for line in many.splitlines()]
    assert [line["file"] for line in lines if "problem" in line] == ["notes.txt"]
    assert len(lines) == 12
