"""A preview of a pull request as a separate service, as described in infra/README.md."""

import re
import shutil
from pathlib import Path

from tests.infra.project import Project

MODELS = "demo-project-lesionlens-models"


def test_a_preview_serves_beside_the_service_and_leaves_nothing(
    repository: Path, tmp_path: Path
) -> None:
    readme = (repository / "infra" / "README.md").read_text()
    found = re.search(r"INGRESS=all SERVICE=(\S+) MODEL_BUCKET=… infra/(.+?)`, after "
                      r"`infra/(.+?)`", readme)  # fmt: skip
    assert found is not None
    service, deploy, bootstrap = found.groups()
    settings = {"INGRESS": "all", "SERVICE": service, "MODEL_BUCKET": MODELS}

    with Project(repository, tmp_path, str(shutil.which("curl"))) as project:
        project.state["buckets"][MODELS] = {}
        project.put(f"{MODELS}/models/current.json", '{"version": "v1"}')
        for line in (bootstrap, deploy):
            done = project.run(line, **settings)
            assert done.status == 0, f"{line}: {done.output} {done.errors}"
        (revision,) = project.state["services"][service]["revisions"]
        assert revision["flags"]["ingress"] == "all"
        assert f"MODEL_URI=gs://{MODELS}/models" in revision["flags"]["set-env-vars"]
        assert project.state["services"][service]["public"]

        done = project.run("teardown.sh --yes-remove demo-project --data --yes-remove-data "
                           f"demo-project-{service}-data", **settings)  # fmt: skip
        assert done.status == 0, done.errors
        assert list(project.state["buckets"]) == [MODELS]
        assert project.state["services"] == {}
