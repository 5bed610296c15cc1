import re
import subprocess

import pytest

from training.releasing import provenance


def test_the_commit_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GIT_COMMIT", raising=False)
    assert re.fullmatch(r"[0-9a-f]{40}(\+changes)?", provenance.git_commit())


def test_a_commit_that_is_given_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_COMMIT", "c0ffee")
    assert provenance.git_commit() == "c0ffee"


def test_a_library_that_is_not_installed_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "LIBRARIES", ("numpy", "no-such-library"))
    assert set(provenance.libraries()) == {"python", "numpy"}


def test_outside_of_a_checkout_it_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise subprocess.CalledProcessError(128, "git")

    monkeypatch.delenv("GIT_COMMIT", raising=False)
    monkeypatch.setattr(subprocess, "run", fail)
    assert provenance.git_commit() == "unknown"
