"""The pages that document each problem type, at the URL in the ``type`` of problem details.

RFC 9457, 3.1.1, recommends such documentation. Status and title come from `errors`, the examples
from openapi.json, the texts from `problem_advice`.
"""

import functools
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import flask

from .. import errors
from .problem_advice import ADVICE, Advice

OPENAPI = Path(__file__).parents[2] / "openapi.json"
KEPT_S = 3600


@dataclass(frozen=True)
class Example:
    """An example in openapi.json: when the problem arises, and its ``detail``."""

    summary: str
    detail: str


@dataclass(frozen=True)
class ProblemType:
    """What the page of one problem type shows."""

    slug: str
    status: int
    title: str
    advice: Advice
    examples: tuple[Example, ...]


@functools.cache
def all_types() -> dict[str, ProblemType]:
    """Return every problem type by its slug, ordered by status."""
    shown = _examples()
    found = [
        ProblemType(
            kind.slug, kind.status, kind.title, ADVICE[kind.slug], tuple(shown.get(kind.slug, ()))
        )
        for kind in _kinds(errors.Problem)
    ]
    return {kind.slug: kind for kind in sorted(found, key=lambda kind: (kind.status, kind.title))}


def _kinds(base: type[errors.Problem]) -> Iterator[type[errors.Problem]]:
    """The base class and its subclasses, at any depth, that define a slug."""
    if "slug" in vars(base):
        yield base
    for kind in base.__subclasses__():
        yield from _kinds(kind)


def _examples() -> dict[str, list[Example]]:
    found: dict[str, list[Example]] = {}
    document: dict[str, Any] = json.loads(OPENAPI.read_bytes())
    for response in document["components"]["responses"].values():
        content = response.get("content", {}).get("application/problem+json", {})
        for example in content.get("examples", {}).values():
            slug = example["value"]["type"].rpartition("/")[2]
            shown = Example(example["summary"], example["value"]["detail"])
            found.setdefault(slug, []).append(shown)
    return found


def register(app: flask.Flask) -> None:
    """Add the routes: one page of all problem types, and one of each."""

    @app.get("/problems", endpoint="problems")
    def problems() -> flask.Response:
        return _page(all_types().values(), root="")

    @app.get("/problems/<slug>", endpoint="problem")
    def problem(slug: str) -> flask.Response:
        if slug not in all_types():
            flask.abort(404)
        return _page([all_types()[slug]], root="../")


def _page(types: Iterable[ProblemType], root: str) -> flask.Response:
    page = flask.render_template("problem_types.html", types=list(types), root=root)
    response = flask.Response(page)
    response.cache_control.public = True
    response.cache_control.max_age = KEPT_S
    return response
