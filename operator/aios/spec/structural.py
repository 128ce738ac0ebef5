"""From a pydantic model to a structural schema, the dialect of OpenAPI v3 that a CRD may hold.

References are inlined, Optional is "not required", every default that does not depend on another field is stated.
Rules that a schema cannot say come from `cel`. What is free by design (a tool's arguments) keeps unknown fields.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from aios.spec.cel import RULES, keys_rule

Schema = dict[str, Any]
"""JSON Schema as plain data: it leaves for YAML and JSON files at once."""

MAP_KEYS = "x-kubernetes-list-map-keys"
_KEPT = (
    "type",
    "format",
    "description",
    "enum",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "minItems",
    "maxItems",
    "maxProperties",
)
_DATE_LENGTH = 64


def structural(model: type[BaseModel], *, defaults: bool) -> Schema:
    """The schema of `model`. `defaults`: whether the API server fills them in (spec), or nobody does (status)."""
    source = model.model_json_schema(by_alias=True, mode="validation")
    return _Converter(source.get("$defs", {}), defaults=defaults).convert(source, name=model.__name__)


class _Converter:
    def __init__(self, definitions: Mapping[str, Schema], *, defaults: bool) -> None:
        self._definitions = definitions
        self._defaults = defaults

    def convert(self, source: Schema, *, name: str = "") -> Schema:
        source, name = self._inlined(source, name)
        target: Schema = {key: source[key] for key in _KEPT if key in source}
        if source.get("format") == "date-time":
            target["maxLength"] = _DATE_LENGTH
        if source.get("type") == "object":
            self._object(source, target)
        if source.get("type") == "array":
            self._array(source, target)
        if self._defaults and _is_static(source.get("default")):
            target["default"] = source["default"]
        if name in RULES:
            target["x-kubernetes-validations"] = [rule.to_schema() for rule in RULES[name]]
        return target

    def _inlined(self, source: Schema, name: str) -> tuple[Schema, str]:
        """Without $ref and without the null of Optional; what stands beside a reference wins over its target."""
        while True:
            if "anyOf" in source:
                inner = next(part for part in source["anyOf"] if part.get("type") != "null")
                source = {**inner, **{key: value for key, value in source.items() if key != "anyOf"}}
            elif "$ref" in source:
                name = source["$ref"].rpartition("/")[2]
                beside = {key: value for key, value in source.items() if key != "$ref"}
                source = {**self._definitions[name], **beside}
            else:
                return source, name

    def _object(self, source: Schema, target: Schema) -> None:
        if "properties" in source:
            target["properties"] = {key: self.convert(value) for key, value in source["properties"].items()}
            if source.get("required"):
                target["required"] = source["required"]
            if self._defaults and not source.get("required") and _has_defaults(target):
                target["default"] = {}
        elif "patternProperties" in source:
            ((pattern, value),) = source["patternProperties"].items()
            target["additionalProperties"] = self.convert(value)
            target["x-kubernetes-validations"] = [keys_rule(pattern).to_schema()]
        else:
            target["x-kubernetes-preserve-unknown-fields"] = True

    def _array(self, source: Schema, target: Schema) -> None:
        target["items"] = self.convert(source["items"])
        if MAP_KEYS in source:
            target["x-kubernetes-list-type"] = "map"
            target[MAP_KEYS] = source[MAP_KEYS]
        else:
            target["x-kubernetes-list-type"] = "atomic"


def _is_static(default: object) -> bool:
    return default is not None and not isinstance(default, list | dict)


def _has_defaults(target: Schema) -> bool:
    return any("default" in value for value in target["properties"].values())
