"""A fake project to run the scripts of infra/ in: fake_gcloud.py, and its HTTP addresses."""

import datetime
import json
import os
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

from tests.infra import fake_gcloud, programs
from tests.infra.programs import Output, Programs
from tests.infra.recording import PYTHON, SETTINGS, Done
from tests.infra.standin import PROBLEM_503, Answer, StandIn

SERVICE = "lesionlens"

CURL = """#!/usr/bin/env bash
arguments=("${{@/#https:\\/\\/candidate.lesionlens.example.org/{candidate}}}")
exec {curl} "${{arguments[@]/#https:\\/\\/lesionlens.example.org/{origin}}}"
"""


class Visible(StandIn):
    """The origin or the candidate's address: responds as the revision that gets the request."""

    def __init__(self, project: "Project", tag: str = "") -> None:
        super().__init__()
        self.project, self.tag, self.count = project, tag, 0

    def answer(self, key: str, headers: dict[str, str]) -> Answer:
        if key == "GET /":
            return super().answer(key, headers)
        with self.project.lock:
            service = self.project.state["services"].get(SERVICE)
            if not service or not service["public"]:
                return 403, "text/html", b"403: your client does not have permission", {}
            name = service["tags"].get(self.tag) if self.tag else self._pick(service["traffic"])
            if not name:
                return 404, "text/html", b"404", {}
            revision = next(each for each in service["revisions"] if each["name"] == name)
            self.version = revision["version"]
            answer = super().answer(key, headers)
            # A fault that appears only under traffic, not at the candidate's address.
            if revision["image"] in self.project.faulty and "classify" in key and not self.tag:
                answer = PROBLEM_503
            seconds = 2.5 if revision["image"] in self.project.slow else 0.02
            self.project.log(name, key.split()[1], answer[0], seconds)
        return answer

    def _pick(self, traffic: dict[str, int]) -> str:
        """Choose a revision by traffic share, in the same order for each hundred requests."""
        self.count += 37
        rest = self.count % 100
        for name, percent in sorted(traffic.items(), reverse=True):
            rest -= percent
            if rest < 0:
                return name
        return ""


class Project:
    """``faulty`` and ``slow``: images that respond with 503, or slowly.

    ``pace_s``: real seconds of a script's sleep, where two scripts wait for each other.
    """

    def __init__(self, repository: Path, folder: Path, curl: str) -> None:
        self.infra, self.folder = repository / "infra", folder
        self.state, self.lock = fake_gcloud.empty(), threading.Lock()
        self.faulty: set[str] = set()
        self.slow: set[str] = set()
        self.pace_s = 0.0
        self.origin, self.candidate = Visible(self), Visible(self, "candidate")
        bin_folder = folder / "bin"
        bin_folder.mkdir()
        self._programs = Programs(
            bin_folder, ("gcloud", "python", "sleep", "date"), lambda *asked: self.call(*asked)
        )
        addresses = [each.address.replace("/", "\\/") for each in (self.candidate, self.origin)]
        curl_here = CURL.format(curl=curl, candidate=addresses[0], origin=addresses[1])
        programs.write(bin_folder, "python3", PYTHON)
        programs.write(bin_folder, "curl", curl_here)

    def __enter__(self) -> "Project":
        self.origin.__enter__()
        self.candidate.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._programs.close()
        self.origin.__exit__()
        self.candidate.__exit__()

    def call(self, program: str, account: str, project: str, arguments: list[str]) -> Output:
        if program == "sleep" and self.pace_s:
            time.sleep(self.pace_s)
        # The services serialize operations on a resource; this serializes all operations.
        with self.lock:
            if program == "gcloud":
                return fake_gcloud.call(self.state, account, arguments)
            if program == "sleep":
                # The fake clock advances only here and in calls of gcloud.
                self.state["now"] += int(arguments[0])
                return 0, "", ""
            if program == "date":
                return 0, self._date(arguments[-1]), ""
            return self._training(project, arguments)

    def _date(self, form: str) -> str:
        at = datetime.datetime.fromtimestamp(self.state["now"], datetime.UTC)
        return at.strftime(form[1:].replace("%s", str(self.state["now"]))) + "\n"

    def _training(self, project: str, arguments: list[str]) -> Output:
        """Simulates the pointer in `python -m training promote|rollback|list`."""
        if not project:
            # google-cloud-storage needs it, as a user's own credentials name no project.
            return 1, "", "OSError: Project was not passed and could not be determined\n"
        history = self.state["history"]
        if arguments[2] == "promote":
            history.append(arguments[3])
        elif arguments[2] == "rollback":
            history.pop()
        if arguments[2] != "list":
            store = arguments[arguments.index("--store") + 1].removeprefix("gs://")
            self.put(f"{store}/current.json", json.dumps({"version": history[-1]}))
            self.put(f"{store}/{history[-1]}/model.tflite", "a model")
            self.put(f"{store}/{history[-1]}/manifest.json", '{"files": {"model.tflite": {}}}')
        return 0, "", ""

    def put(self, key: str, data: str) -> None:
        """Write an object without any check."""
        self.state["generations"] += 1
        self.state["objects"][key] = {"data": data, "generation": self.state["generations"]}

    def log(self, revision: str, path: str, status: int, seconds: float) -> None:
        at = datetime.datetime.fromtimestamp(self.state["now"], datetime.UTC)
        self.state["log"].append({
            "timestamp": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "written": self.state["now"],
            "severity": "ERROR" if status >= 500 else "INFO",
            "resource": {"labels": {"revision_name": revision, "service_name": SERVICE}},
            "httpRequest": {"requestUrl": path, "status": status, "latency": f"{seconds:.4f}s"},
        })  # fmt: skip

    def start(self, line: str, **settings: str) -> subprocess.Popen[str]:
        name, *arguments = line.split()
        environment = {
            **self._programs.environment,
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "HOME": str(self.folder),
            "PYTHON": str(self.folder / "bin" / "python"),
            "SETTINGS_LOCAL": "",
            **SETTINGS,
            "LESIONLENS_LOCK": "",
            **settings,
        }
        return subprocess.Popen(
            [str(self.infra / name), *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
            cwd=self.folder, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def finish(self, process: subprocess.Popen[str]) -> Done:
        output, errors = process.communicate(timeout=180)
        return Done(process.returncode, output, errors, [])

    def run(self, line: str, **settings: str) -> Done:
        return self.finish(self.start(line, **settings))

    @property
    def service(self) -> dict[str, Any]:
        return self.state["services"][SERVICE]

    def serving(self) -> dict[str, Any]:
        """The revision with all the traffic."""
        (name,) = [name for name, percent in self.service["traffic"].items() if percent == 100]
        return next(each for each in self.service["revisions"] if each["name"] == name)
