"""Reads the versions in pyproject.toml and in the files written by `make lock`."""

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.conftest import ROOT


def direct(group: str | None = None) -> dict[str, str]:
    """Versions of the direct dependencies of the function, or of a dependency group."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    found = project["dependency-groups"][group] if group else project["project"]["dependencies"]
    versions: dict[str, str] = {}
    for each in found:
        if isinstance(each, dict):
            versions |= direct(each["include-group"])
        else:
            requirement = Requirement(each)
            versions[canonicalize_name(requirement.name)] = str(requirement.specifier)[2:]
    return versions


def locked(path: Path) -> dict[str, str]:
    """Versions of the packages in a locked file."""
    return dict(
        re.findall(r"^([a-z0-9.-]+)(?:\[.*?\])?==([^\s;]+)", path.read_text(), re.MULTILINE)
    )
