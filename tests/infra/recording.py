"""Run the scripts of infra/ with a gcloud that records its arguments and answers from a table.

Tests of several scripts together use a fake project (project.py).
"""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.infra import programs
from tests.infra.programs import Output, Programs
from tests.infra.standin import StandIn

# Settings that a maintainer would put into the environment or infra/settings.local.
SETTINGS = {
    "PROJECT": "demo-project",
    "DOMAIN": "lesionlens.example.org",
    "ALERT_EMAIL": "operator@example.org",
    "BILLING_ACCOUNT": "012345-6789AB-CDEF01",
    "BUILD_REPOSITORY": "projects/demo-project/locations/europe-west1/connections/c/repositories/r",
    "SOAK_SECONDS": "0",
    "LESIONLENS_LOCK": "tests",
}

TRAFFIC = "100,,lesionlens-00001\n,candidate,lesionlens-00002\n"
HALF = "50,,lesionlens-00001\n50,,lesionlens-00002\n,candidate,lesionlens-00002\n"
IMAGE = "europe-west1-docker.pkg.dev/demo-project/lesionlens/function@sha256:" + "a" * 64

POINTER = r"storage cat .*current\.json"
# (regular expression on the arguments, exit status, standard output, standard error); the first
# match.
Answer = tuple[str, int, str, str]
ANSWERS: list[Answer] = [
    (POINTER, 0, '{"version": "v1"}', ""),
    (r"storage cat .*manifest\.json", 0, '{"files": {"model.tflite": {}, "detector.npz": {}}}', ""),
    (r"run services describe .*csv", 0, TRAFFIC, ""),
    (r"revisions describe .*imageDigest", 0, IMAGE, ""),
    (r"builds submit .*digest", 0, "sha256:" + "a" * 64, ""),
    (r"projects describe", 0, "123456789012", ""),
    # The lock that the scripts hold (LESIONLENS_LOCK).
    (r"objects describe .*value\(generation\)", 0, "7", ""),
    (r"storage cat .*locks/rollout", 0, "tests 9999999999\n", ""),
    (r"channels list", 0, "projects/demo-project/notificationChannels/1", ""),
    (r"addresses describe .*value\(address\)", 0, "203.0.113.7", ""),
    (r"custom-jobs create", 0, "projects/1/locations/europe-west1/customJobs/2", ""),
    # Logs and lists are empty.
    (r"logging read|\blist\b|list-configs", 0, "", ""),
]
NOTHING_EXISTS: Answer = (r"\bdescribe\b", 1, "", "ERROR: (gcloud) NOT_FOUND: it was not found")
ALL_EXISTS: list[Answer] = [
    (r"sinks describe", 0, "lesionlens-requests", ""),
    (r"uptime describe", 0, "lesionlens.example.org", ""),
    (r"channels list", 0, "projects/demo-project/notificationChannels/1", ""),
    (r"\blist\b|list-configs", 0, "something", ""),
]

# Without site-packages: the scripts often start Python for a line or two.
PYTHON = f"""\
#!/bin/sh
exec {Path(sys.executable).resolve()} -I -S "$@"
"""

# The origin's host names are not in DNS; the stand-in server replaces them.
CURL = """\
#!/usr/bin/env bash
exec {curl} "${{@/#https:\\/\\/*lesionlens.example.org/{address}}}"
"""


@dataclass(frozen=True)
class Done:
    status: int
    output: str
    errors: str
    commands: list[list[str]]

    @property
    def gcloud(self) -> list[str]:
        """The recorded gcloud commands, one line each."""
        return [" ".join(command) for command in self.commands if command[0] == "gcloud"]

    def wrote(self) -> list[str]:
        """The recorded gcloud commands that change something."""
        reading = re.compile(r" (describe|list|list-configs|read|cat|list-files-for-upload)( |$)")
        return [line for line in self.gcloud if not reading.search(line.split(" --")[0])]


class Scripts:
    def __init__(self, repository: Path, folder: Path, stand_in: StandIn) -> None:
        self.repository, self.folder, self.stand_in = repository, folder, stand_in
        self.infra = repository / "infra"
        self._commands: list[list[str]] = []
        self._answers: list[Answer] = []
        self._pointer: list[str] = []
        self._bin = folder / "bin"
        self._bin.mkdir()
        self._programs = Programs(self._bin, ("gcloud", "python"), self._call)
        address = stand_in.address.replace("/", "\\/")
        programs.write(self._bin, "curl", CURL.format(curl=shutil.which("curl"), address=address))
        programs.write(self._bin, "python3", PYTHON)

    def __enter__(self) -> "Scripts":
        return self

    def __exit__(self, *_: object) -> None:
        self._programs.close()

    def _call(self, program: str, account: str, project: str, arguments: list[str]) -> Output:
        """Record a command; respond with the entry of the first pattern that matches."""
        self._commands.append([program, *arguments])
        line = " ".join(arguments)
        if self._pointer and re.search(POINTER, line):
            moved = any(command[:3] == ["python", "-m", "training"] for command in self._commands)
            return 0, json.dumps({"version": self._pointer[moved]}), ""
        for pattern, status, output, errors in self._answers:
            if re.search(pattern, line, re.DOTALL):
                return status, output, errors
        return 0, "", ""

    def run(
        self,
        name: str,
        *arguments: str,
        answers: list[Answer] | None = None,
        typed: str = "",
        pointer_after: list[str] | None = None,
        **settings: str,
    ) -> Done:
        """Run infra/NAME; ``answers`` override the default answers, ``settings`` override SETTINGS.

        ``pointer_after``: the version that the pointer names before and after it was moved.
        """
        self._commands = []
        self._pointer = pointer_after or []
        self._answers = [*(answers or []), *ANSWERS]
        environment = {
            **self._programs.environment,
            "PATH": f"{self._bin}:{os.environ['PATH']}",
            "HOME": str(self.folder),
            "PYTHON": str(self._bin / "python"),
            # Tests must not read a maintainer's own settings.
            "SETTINGS_LOCAL": str(self.folder / "settings.local"),
            **SETTINGS,
            **settings,
        }
        done = subprocess.run(
            [str(self.infra / name), *arguments],
            capture_output=True,
            text=True,
            env=environment,
            cwd=self.folder,
            input=typed,
            timeout=120,
        )
        return Done(done.returncode, done.stdout, done.stderr, self._commands)
