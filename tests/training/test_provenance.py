import re
import subprocess

import pytest

from training import provenance


def test_the_commit_is_named() -> None:
    assert re.fullmatch(r"[0-9a-f]{40}(\+changes)?", provenance.git_commit())


def test_outside_of_a_checkout_it_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise subprocess.CalledProcessError(128, "git")

    monkeypatch.setattr(subprocess, "run", fail)
    assert provenance.git_commit() == "unknown"
