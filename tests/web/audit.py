"""Run Lighthouse on the page: `python -m tests.web.audit [ADDRESS]`.

Prints one line a category, with its score from 0 to 100. Without an address, the function is
started for it.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests import npm, server
from tests.web import chromium

HERE = Path(__file__).parent
CATEGORIES = ("performance", "accessibility", "best-practices", "seo")
CHROME_FLAGS = "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run"
LIMIT_S = 300


def scores(address: str) -> dict[str, tuple[int, list[str]]]:
    """Return each category's score and the titles of the audits that lost points.

    Raises:
        npm.Unavailable: Chromium or Lighthouse cannot be had.
    """
    executable = chromium.path()
    if executable is None:
        raise npm.Unavailable("Chromium is not installed")
    lighthouse = npm.tool(HERE, "lighthouse")
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command: list[str | Path] = [
            lighthouse,
            address,
            "--quiet",
            "--output=json",
            f"--output-path={report}",
        ]
        command += [f"--only-categories={','.join(CATEGORIES)}", f"--chrome-flags={CHROME_FLAGS}"]
        environment = {**os.environ, "CHROME_PATH": executable}
        subprocess.run(command, env=environment, check=True, timeout=LIMIT_S, capture_output=True)
        document = json.loads(report.read_text())
    found = {}
    for category in CATEGORIES:
        part = document["categories"][category]
        audits = [document["audits"][entry["id"]] for entry in part["auditRefs"] if entry["weight"]]
        costly = [a["title"] for a in audits if a["score"] is not None and a["score"] < 1]
        found[category] = (round(100 * part["score"]), costly)
    return found


def main(addresses: list[str]) -> None:
    if addresses:
        found = scores(addresses[0])
    else:
        with (
            tempfile.TemporaryDirectory() as folder,
            server.running(Path(folder) / "log.txt", WEB_DIR=str(HERE.parents[1] / "web")) as own,
        ):
            # Loads the model, so that the audit does not wait for it.
            own.get("/ready")
            found = scores(own.url)
    for category, (score, costly) in found.items():
        print(f"{category:15} {score:3}  {'; '.join(costly)}")


if __name__ == "__main__":
    main(sys.argv[1:])
