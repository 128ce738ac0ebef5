"""JSON Schemas for editors: completion and red lines while typing, before `aios validate` says the rest.

Draft 7, because that is what YAML language servers speak best. A file may also hold ConfigMaps and Secrets, so the
combined schema judges only documents of our group.
"""

from collections.abc import Mapping
from typing import Any

from aios.naming import API_VERSION
from aios.spec.structural import Schema

DRAFT = "http://json-schema.org/draft-07/schema#"
ALL = "aios.schema.json"


def editor_schemas(schemas: Mapping[str, Schema]) -> Mapping[str, Schema]:
    """By file name: one a kind, and one that chooses by the kind a document states."""
    files: dict[str, Schema] = {
        f"{kind.lower()}.schema.json": {"$schema": DRAFT, "title": kind, **_document(kind, schema)}
        for kind, schema in schemas.items()
    }
    files[ALL] = {
        "$schema": DRAFT,
        "title": "Resources of aios",
        "allOf": [_when(kind, _document(kind, schema)) for kind, schema in schemas.items()],
    }
    return files


def _when(kind: str, document: Schema) -> Schema:
    stated = {"properties": {"apiVersion": {"const": API_VERSION}, "kind": {"const": kind}}}
    return {"if": {**stated, "required": ["apiVersion", "kind"]}, "then": document}


def _document(kind: str, schema: Schema) -> Schema:
    properties = {
        "apiVersion": {"const": API_VERSION},
        "kind": {"const": kind},
        "metadata": _metadata(),
        "spec": _plain(schema["properties"]["spec"]),
        "status": {"type": "object"},
    }
    return {
        "type": "object",
        "description": schema["description"],
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "additionalProperties": False,
        "properties": properties,
    }


def _metadata() -> Schema:
    name = {"type": "string", "maxLength": 40, "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"}
    return {"type": "object", "required": ["name"], "properties": {"name": name}}


def _plain(source: Schema) -> Schema:
    """Without Kubernetes' extensions, and with unknown fields refused where they are not free."""
    free = source.get("x-kubernetes-preserve-unknown-fields", False)
    target: dict[str, Any] = {key: value for key, value in source.items() if not key.startswith("x-kubernetes-")}
    if "properties" in source:
        target["properties"] = {key: _plain(value) for key, value in source["properties"].items()}
        target["additionalProperties"] = free
    elif isinstance(source.get("additionalProperties"), dict):
        target["additionalProperties"] = _plain(source["additionalProperties"])
    if "items" in source:
        target["items"] = _plain(source["items"])
    return target
