"""The real server, called by schemathesis with whatever its own document allows and forbids."""

import subprocess
import sys
from pathlib import Path

from tests import server

# Uploads: a document cannot say which bytes are an image, so that no made-up one is.
NOT_CHECKED = "positive_data_acceptance"
EXAMPLES = 5  # for each operation and kind of data


def test_it_finds_nothing(tmp_path: Path) -> None:
    with server.running(tmp_path / "server.log") as serving:
        assert serving.get("/ready")[0] == 200
        report = tmp_path / "report.ndjson"
        command = (
            *(sys.executable, "-m", "schemathesis.cli", "run", f"{serving.url}/openapi.json"),
            *("--url", serving.url, "--checks", "all", "--exclude-checks", NOT_CHECKED),
            *("--max-examples", str(EXAMPLES), "--seed", "1"),
            *("--phases", "examples,coverage,fuzzing"),
            *("--report", "ndjson", "--report-ndjson-path", str(report), "--no-color"),
            *("--request-timeout", "60", "--suppress-health-check", "all"),
        )
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    asked = report.read_text()
    # It leaves out the address of the document itself.
    for path in ("/v1/classify", "/v1/batch", "/v1/labels", "/v1/model", "/ready", "/health"):
        assert path in asked
