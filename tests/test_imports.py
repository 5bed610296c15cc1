"""The layers of the code: modules may import from their own layer and from those below."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

# From the top layer down; names are modules or packages.
FLOORS = {
    "lesionlens": [("settings", "pipeline"), ("api",), ("model",), ("imaging",), ("errors",)],
    "training": [
        ("__main__",),
        ("experiments",),
        ("job",),
        ("workspace",),
        ("releasing",),
        ("evaluation",),
        ("learning",),
        ("data",),
        ("config", "artifacts"),
    ],
}


def folder(package: str) -> Path:
    return ROOT / "function" / package if package == "lesionlens" else ROOT / package


def imports(package: str) -> Iterator[tuple[str, str]]:
    """Importing and imported module of every import that is executed."""
    for path in sorted(folder(package).rglob("*.py")):
        parts = (package, *path.relative_to(folder(package)).with_suffix("").parts)
        inside = list(parts[:-1])
        for node in executed(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found = [name.name for name in node.names]
            else:
                base = inside[: len(inside) - node.level + 1] if node.level else []
                module = [*base, *(node.module.split(".") if node.module else [])]
                found = [".".join([*module, name.name]) for name in node.names]
            for name in found:
                # Importing a name from a module counts as importing the module.
                yield ".".join(parts), ".".join(name.split(".")[:3])


def executed(tree: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """The imports below a node except those for type checkers only."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
            yield from executed(node)


@pytest.mark.parametrize("package", FLOORS)
def test_imports_run_downwards_only(package: str) -> None:
    floors = {room: floor for floor, rooms in enumerate(FLOORS[package]) for room in rooms}
    seen = list(imports(package))
    upwards = set()
    for importing, imported in seen:
        own, *other = (name.split(".") for name in (importing, imported))
        if other[0][0] == package and own[1] != "__init__":
            assert own[1] in floors, f"{importing} is on no floor"
            assert other[0][1] in floors, f"{importing} imports {imported}, which is on no floor"
            if floors[other[0][1]] < floors[own[1]]:
                upwards.add((importing, imported))
    assert len(seen) > 100
    assert upwards == set()
