"""The command archive.py on a folder with valid and invalid files."""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from werkzeug.test import Client

import archive as archive_command
from tests.conftest import ROOT, VARIABLES
from tests.dicom import photograph
from tests.pictures import JPEG, encoded, lesion

NAMES = ["a.jpg", "b/notes.txt", "b/photo.dcm", "c.png"]


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    folder = tmp_path / "archive"
    (folder / "b").mkdir(parents=True)
    (folder / "a.jpg").write_bytes(JPEG)
    (folder / "b" / "notes.txt").write_bytes(b"no image")
    (folder / "b" / "photo.dcm").write_bytes(photograph())
    (folder / "c.png").write_bytes(encoded(lesion(), "PNG"))
    return folder


def run(source: Path, results: Path) -> subprocess.CompletedProcess[str]:
    command = (sys.executable, str(ROOT / "function" / "archive.py"), str(source), str(results))
    clean = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    return subprocess.run(command, env=clean, capture_output=True, text=True)


def test_json_lines_hold_what_the_function_answers(
    archive: Path, tmp_path: Path, shared_client: Client
) -> None:
    results = tmp_path / "results.jsonl"
    done = run(archive, results)
    assert done.returncode == 0, done.stderr
    assert "4/4" in done.stderr
    whole = results.read_bytes()
    lines = [json.loads(line) for line in whole.splitlines()]
    assert [line["file"] for line in lines] == NAMES
    for line in lines:
        data = (archive / line.pop("file")).read_bytes()
        answer = shared_client.post("/v1/classify", data=data).json
        if "problem" in line:
            assert line["problem"] == {key: answer[key] for key in ("title", "detail")}
        else:
            assert line == {key: answer[key] for key in line}
            assert {"prediction", "probabilities", "malignancy", "notice"} <= set(line)
    assert ["problem" in line for line in lines] == [False, True, False, False]

    # After being killed in its third line, it continues to the same file.
    second = whole.splitlines(keepends=True)[:2]
    results.write_bytes(b"".join(second) + b'{"file": "b/pho')
    done = run(archive, results)
    assert "2/2" in done.stderr
    assert results.read_bytes() == whole


def test_csv_holds_a_row_a_file_and_results_of_another_model_are_not_mixed(
    archive: Path, tmp_path: Path
) -> None:
    results = tmp_path / "results.csv"
    assert run(archive, results).returncode == 0
    with results.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["file"] for row in rows] == NAMES
    assert rows[0]["label"] == max(("mel", "nv", "bcc", "akiec", "bkl", "df", "vasc"),
                                   key=lambda label: float(rows[0][label]))  # fmt: skip
    assert rows[1]["problem"].startswith("Undecodable image: The file is not an image")
    assert rows[1]["label"] == ""
    results.write_text(results.read_text().replace(rows[0]["version"], "other"))
    refused = run(archive, results)
    assert refused.returncode != 0
    assert "is of the model other, not of" in refused.stderr


def run_here(monkeypatch: pytest.MonkeyPatch, source: Path, results: Path) -> None:
    """As `run`, but in this process."""
    monkeypatch.setattr(sys, "argv", ["archive.py", str(source), str(results)])
    archive_command.main()


def test_any_name_is_written_and_results_cut_anywhere_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [b'quoted "x"\nand on.jpg', b"\xff\xfe.jpg"]
    folder = tmp_path / "archive"
    folder.mkdir()
    for name in names:
        Path(os.fsdecode(bytes(folder) + b"/" + name)).write_bytes(b"no image")
    results = tmp_path / "results.csv"
    run_here(monkeypatch, folder, results)
    whole = results.read_bytes()
    for name in names:
        assert name.replace(b'"', b'""') in whole
    for cut in range(0, len(whole), 31):
        results.write_bytes(whole[:cut])
        run_here(monkeypatch, folder, results)
        assert results.read_bytes() == whole
    lines = tmp_path / "results.jsonl"
    run_here(monkeypatch, folder, lines)
    found = [json.loads(line)["file"] for line in lines.read_text().splitlines()]
    assert list(map(os.fsencode, found)) == names


@pytest.mark.parametrize(
    ("source", "results", "message"),
    [
        ("archive", "a.txt", "must end in .jsonl or .csv"),
        ("missing", "a.csv", "missing is not a folder; accepted are a folder and gs://"),
        ("empty", "a.csv", "empty holds no files"),
        ("archive", "missing/a.csv", "No such file or directory"),
        ("archive", "other.csv", "other.csv has other columns"),
    ],
)
def test_wrong_arguments_are_told(
    archive: Path,
    tmp_path: Path,
    source: str,
    results: str,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "other.csv").write_text("file,label\n")
    with pytest.raises(SystemExit, match=message):
        run_here(monkeypatch, tmp_path / source, tmp_path / results)


def test_a_copy_of_the_folder_alone_tells_how_it_is_used(tmp_path: Path) -> None:
    alone = shutil.copytree(ROOT / "function", tmp_path / "function")
    done = subprocess.run(
        (sys.executable, str(alone / "archive.py"), "--help"),
        env={},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "RESULTS ends in .jsonl or .csv" in done.stdout
