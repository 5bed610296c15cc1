"""The default version of a release."""

from lesionlens.model.manifest import DETECTOR, MODEL
from training.releasing.build_manifest import default_version
from training.releasing.publish import describe

CREATED = "2026-11-27T15:45:52+00:00"
FILES = {MODEL: b"model", DETECTOR: b"detector"}


def named(**files: bytes) -> str:
    return default_version(CREATED, describe(dict(files)))


def test_a_version_is_of_its_day_and_of_all_that_it_serves() -> None:
    version = named(**FILES)
    assert version.startswith("20261127-")
    assert version == named(**dict(reversed(FILES.items())))
    for name in FILES:
        assert named(**{**FILES, name: b"another"}) != version, name
