"""Environment variables, validated at start-up; invalid values stop the process."""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .api.keyring import MAX_BATCH, Keyring, KeysError
from .api.keyring import read as read_keys
from .api.rate import ACCEPTED as RATE_ACCEPTED
from .api.rate import Rate
from .model.manifest import ReleaseError
from .model.release import CURRENT, check_version
from .model.storage import open_store

MEBIBYTE = 1024 * 1024

# The releases in a clone of the repository; a copy of function/ alone has none.
_REPOSITORY_RELEASES = Path(__file__).resolve().parents[2] / "training" / "releases"


class SettingsError(Exception):
    """Environment variables are missing or invalid; the message lists all of them."""


@dataclass(frozen=True)
class Settings:
    """Each field is the environment variable of the same name in upper case.

    function/README.md describes them.
    """

    model_uri: str
    model_version: str = CURRENT
    preload_model: bool = False
    allowed_origins: tuple[str, ...] = ()
    max_upload_bytes: int = 20 * MEBIBYTE
    upload_seconds: int = 55
    interpreters: int = 2
    api_keys: Keyring = field(default_factory=Keyring)
    batch_images: int = 16
    rate_limit: Rate | None = None
    limit_store: str = "memory://"
    trusted_hops: int = 0
    web_dir: Path | None = None
    log_level: int = logging.INFO
    # The Google Cloud project whose traces the log lines refer to.
    google_cloud_project: str = ""


def from_environment(environment: Mapping[str, str]) -> Settings:
    """Read and validate the settings; empty variables count as not set.

    Raises SettingsError, which lists every invalid variable.
    """
    problems: list[str] = []
    variables = {name: value.strip() for name, value in environment.items() if value.strip()}

    def refuse(name: str, accepted: str) -> None:
        given = f"is {variables[name][:200]!r}" if name in variables else "is not set"
        problems.append(f"{name} {given}; accepted is {accepted}")

    def number(name: str, default: int, least: int = 1) -> int:
        text = variables.get(name, str(default))
        if not re.fullmatch("[0-9]{1,18}", text) or int(text) < least:
            refuse(name, f"a whole number above {least - 1}" if least else "a whole number")
            return default
        return int(text)

    uri = variables.get("MODEL_URI", "")
    # K_SERVICE is set wherever the function runs on Google Cloud.
    if not uri and "K_SERVICE" not in variables and _REPOSITORY_RELEASES.is_dir():
        uri = _REPOSITORY_RELEASES.as_uri()
    try:
        open_store(uri)
    except ValueError:
        refuse("MODEL_URI", "gs://BUCKET/FOLDER or file:///FOLDER")

    version = variables.get("MODEL_VERSION", CURRENT)
    try:
        if version != CURRENT:
            check_version(version)
    except ReleaseError:
        refuse("MODEL_VERSION", f"{CURRENT} or the name of a version")

    preload = variables.get("PRELOAD_MODEL", "0")
    if preload not in ("0", "1"):
        refuse("PRELOAD_MODEL", "0 or 1")

    origins = tuple(
        origin.strip() for origin in variables.get("ALLOWED_ORIGINS", "").split(",") if origin
    )
    if not all(_is_origin(origin) for origin in origins):
        refuse("ALLOWED_ORIGINS", "origins such as https://example.org, separated by commas, or *")

    web_dir = Path(variables["WEB_DIR"]) if "WEB_DIR" in variables else None
    if web_dir is not None and not _has_page(web_dir):
        refuse("WEB_DIR", "a folder that holds index.html")

    level = variables.get("LOG_LEVEL", "INFO")
    if level not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        refuse("LOG_LEVEL", "DEBUG, INFO, WARNING or ERROR")
        level = "INFO"

    keyring = Keyring()
    try:
        if "API_KEYS" in variables:
            keyring = read_keys(variables["API_KEYS"])
    except KeysError as error:
        # The message is logged, so it must not contain the value.
        problems.append(f"API_KEYS cannot be used: {error}; lesionlens/api/keys.py writes it")

    rate = None
    try:
        rate = Rate.parse(variables["RATE_LIMIT"]) if "RATE_LIMIT" in variables else None
    except ValueError:
        refuse("RATE_LIMIT", RATE_ACCEPTED)

    limit_store = variables.get("LIMIT_STORE", Settings.limit_store)
    if not re.fullmatch(r"memory://|rediss?://\S+", limit_store):
        # As above: the address may contain a password.
        problems.append("LIMIT_STORE is wrong; accepted is memory:// or redis://HOST:PORT/NUMBER")

    batch_images = number("BATCH_IMAGES", Settings.batch_images)
    if batch_images > MAX_BATCH:
        refuse("BATCH_IMAGES", f"a number from 1 to {MAX_BATCH}")

    settings = Settings(
        model_uri=uri,
        model_version=version,
        preload_model=preload == "1",
        allowed_origins=origins,
        max_upload_bytes=number("MAX_UPLOAD_BYTES", Settings.max_upload_bytes),
        upload_seconds=number("UPLOAD_SECONDS", Settings.upload_seconds),
        interpreters=number("INTERPRETERS", Settings.interpreters),
        api_keys=keyring,
        batch_images=batch_images,
        rate_limit=rate,
        limit_store=limit_store,
        trusted_hops=number("TRUSTED_HOPS", Settings.trusted_hops, least=0),
        web_dir=web_dir.resolve() if web_dir else None,
        log_level=logging.getLevelNamesMapping()[level],
        google_cloud_project=variables.get("GOOGLE_CLOUD_PROJECT", ""),
    )
    if problems:
        raise SettingsError("; ".join(problems))
    return settings


def _is_origin(text: str) -> bool:
    # Strict, because flask-cors treats some strings as regular expressions.
    return text == "*" or re.fullmatch(r"https?://[a-z0-9.-]+(:\d{1,5})?", text) is not None


def _has_page(folder: Path) -> bool:
    try:
        return (folder / "index.html").is_file()
    except OSError:  # a name that is too long, for example
        return False
