from pathlib import Path

import pytest

from lesionlens.settings import SettingsError, from_environment
from tests.conftest import RELEASES, ROOT


def test_defaults_serve_the_repositorys_releases() -> None:
    settings = from_environment({})
    assert settings.model_uri == RELEASES.as_uri()
    assert settings.model_version == "current"
    assert settings.allowed_origins == ()
    assert settings.web_dir is None
    assert not settings.preload_model


def test_every_variable_is_read() -> None:
    settings = from_environment(
        {
            "MODEL_URI": "gs://bucket/models",
            "MODEL_VERSION": "v7",
            "PRELOAD_MODEL": "1",
            "ALLOWED_ORIGINS": "https://a.example, https://b.example:8443",
            "MAX_UPLOAD_BYTES": "1000",
            "INTERPRETERS": "3",
            "WEB_DIR": str(ROOT / "web"),
            "LOG_LEVEL": "ERROR",
            "GOOGLE_CLOUD_PROJECT": "project",
        }
    )
    assert settings.model_uri == "gs://bucket/models"
    assert settings.model_version == "v7"
    assert settings.preload_model
    assert settings.allowed_origins == ("https://a.example", "https://b.example:8443")
    assert settings.max_upload_bytes == 1000
    assert settings.interpreters == 3
    assert settings.web_dir == ROOT / "web"
    assert settings.log_level == 40
    assert settings.google_cloud_project == "project"


def test_in_the_cloud_there_is_no_default_model() -> None:
    with pytest.raises(SettingsError, match="MODEL_URI is not set; accepted is gs://BUCKET/FOLDER"):
        from_environment({"K_SERVICE": "lesionlens"})


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("MODEL_URI", "http://elsewhere", "gs://BUCKET/FOLDER or file:///FOLDER"),
        ("MODEL_URI", "gs://", "gs://BUCKET/FOLDER or file:///FOLDER"),
        ("MODEL_VERSION", "../x", "current or the name of a version"),
        ("ALLOWED_ORIGINS", "https://*.clinic.example", "origins such as"),
        # pragma: allowlist nextline secret
        ("ALLOWED_ORIGINS", "https://user:secret@clinic.example", "origins such as"),
        ("PRELOAD_MODEL", "yes", "PRELOAD_MODEL is 'yes'; accepted is 0 or 1"),
        ("ALLOWED_ORIGINS", "https://a.example/path", "origins such as https://example.org"),
        ("ALLOWED_ORIGINS", "a.example", "origins such as"),
        ("MAX_UPLOAD_BYTES", "0", "a whole number above 0"),
        ("MAX_UPLOAD_BYTES", "-3", "a whole number above 0"),
        ("INTERPRETERS", "two", "a whole number above 0"),
        ("INTERPRETERS", "9" * 5000, "a whole number above 0"),
        ("TRUSTED_HOPS", "²", "a whole number"),
        ("WEB_DIR", "/" + "x" * 5000, "a folder that holds index.html"),
        ("WEB_DIR", "/nowhere", "a folder that holds index.html"),
        ("LOG_LEVEL", "LOUD", "DEBUG, INFO, WARNING or ERROR"),
    ],
)
def test_wrong_values_are_refused(name: str, value: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        from_environment({"MODEL_URI": "file:///models", name: value})


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        from_environment({"LOG_LEVEL": "LOUD", "WEB_DIR": str(tmp_path)})
    assert "LOG_LEVEL" in str(caught.value)
    assert "WEB_DIR" in str(caught.value)


def test_blank_means_unset_and_any_origin_can_be_asked_for() -> None:
    settings = from_environment({"LOG_LEVEL": " ", "ALLOWED_ORIGINS": "*"})
    assert settings.log_level == 20
    assert settings.allowed_origins == ("*",)
