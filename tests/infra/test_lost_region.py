"""infra/serve_from.sh after the loss of a region, with the real gcloud and an emulated store.

Buckets, permissions and Cloud Run are simulated; the new region's releases are in the emulator, and
a function started with the deployed settings serves them.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from google.cloud import storage

from tests import emulator, server
from tests.conftest import ROOT
from tests.infra.programs import Output
from tests.infra.project import Project

REGION = "europe-west4"
MODELS, WEB = (f"demo-project-lesionlens-{name}-{REGION}" for name in ("models", "web"))
RELEASES = ROOT / "training" / "releases"


@pytest.mark.slow
def test_another_region_serves_the_repositorys_releases(
    gcloud: str, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = json.loads((RELEASES / "current.json").read_text())["version"]
    with (
        emulator.running(),
        Project(repository, tmp_path, str(shutil.which("curl"))) as project,
    ):
        host = os.environ["STORAGE_EMULATOR_HOST"]
        client = storage.Client()
        releases, page = (client.create_bucket(name) for name in (MODELS, WEB))
        environment = {
            **os.environ,
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE": f"{host}/storage/v1/",
            "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true",
            "CLOUDSDK_CONFIG": str(tmp_path / "gcloud"),
        }
        fake = project.call

        def call(program: str, account: str, name: str, words: list[str]) -> Output:
            if (
                program != "gcloud"
                or words[:2] == ["storage", "buckets"]
                or not any(word.startswith(f"gs://{MODELS}") for word in words)
            ):
                return fake(program, account, name, words)
            done = subprocess.run(
                [gcloud, *words], env=environment, capture_output=True, text=True, timeout=120
            )
            return done.returncode, done.stdout, done.stderr

        monkeypatch.setattr(project, "call", call)
        done = project.run(f"serve_from.sh {REGION}")
        assert done.status == 0, done.output + done.errors

        deployed = project.serving()["flags"]["set-env-vars"].removeprefix("^;^").split(";")
        variables = dict(each.split("=", 1) for each in deployed)
        assert variables["MODEL_URI"] == f"gs://{MODELS}/models"
        chosen = {name: variables[name] for name in ("MODEL_URI", "MODEL_VERSION", "PRELOAD_MODEL")}
        with server.running(tmp_path / "log", STORAGE_EMULATOR_HOST=host, **chosen) as serving:
            status, result = serving.classify((repository / "infra" / "smoke.jpg").read_bytes())
        assert (status, result["model"]["version"]) == (200, version)

        # All versions, for rollbacks, and the page's copy of the current one.
        folders = {path.parent.name for path in RELEASES.glob("*/manifest.json")}
        assert {each.name.split("/")[1] for each in releases.list_blobs()} >= folders
        model = page.blob(f"releases/{version}/model.tflite").download_as_bytes()
        assert model == (RELEASES / version / "model.tflite").read_bytes()
