"""Reduces schemas to names and types, to compare Python types with openapi.json."""

import json
from typing import Any

import msgspec

from tests.conftest import ROOT

DOCUMENT: dict[str, Any] = json.loads((ROOT / "function" / "openapi.json").read_text())
COMPONENTS = DOCUMENT["components"]["schemas"]


def shape(schema: dict[str, Any], definitions: dict[str, Any]) -> Any:
    """Names, required fields and types of a schema, without descriptions and bounds.

    For names that are defined twice, openapi.json's components take precedence.
    """
    if "$ref" in schema:
        return shape(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    branches = schema.get("anyOf", [])
    if branches:
        kinds = [shape(branch, definitions) for branch in branches]
        (main,) = [kind for kind in kinds if kind.get("type") != {"null"}]
        return {**main, "type": main["type"] | {"null"}}
    kinds = schema.get("type", [])
    kind = set([kinds] if isinstance(kinds, str) else kinds)
    if not kind:
        values = [schema["const"]] if "const" in schema else schema.get("enum", [])
        kind = {"string"} if all(isinstance(value, str) for value in values) else set()
    found: dict[str, Any] = {"type": kind}
    if "properties" in schema:
        found["required"] = set(schema.get("required", ()))
        found["properties"] = {
            name: shape(inner, definitions) for name, inner in schema["properties"].items()
        }
    for keyword in ("items", "additionalProperties"):
        if isinstance(schema.get(keyword), dict) and schema[keyword]:
            found[keyword] = shape(schema[keyword], definitions)
    return found


def from_type(kind: Any) -> Any:
    (schema,), definitions = msgspec.json.schema_components([kind])
    return shape(schema, definitions)
