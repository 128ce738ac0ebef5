"""crds/ is what the models say: nothing drifts, nothing is unbounded, and editors judge as the loader does."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from aios.naming import PLAN_TASK
from aios.spec.base import ObjectMeta
from aios.spec.conditions import Reason
from aios.spec.crd import DEFINITIONS, Definition, build_crd, generate, open_api_schema
from aios.spec.project import Project, ProjectSpec
from tests.spec.verdicts import INVALID, NEIGHBOURS, PROJECT, VALID, Case

CRDS = Path(__file__).parents[2] / "crds"
FREE = ".spec.script[].toolCalls[].args"
"""A tool's arguments have any form."""


def walked(path: str, schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, schema
    for name, value in schema.get("properties", {}).items():
        yield from walked(f"{path}.{name}", value)
    for key, suffix in (("items", "[]"), ("additionalProperties", "{}")):
        if key in schema:
            yield from walked(path + suffix, schema[key])


NODES = [
    pytest.param(path, node, id=f"{definition.kind}{path}")
    for definition in DEFINITIONS
    for path, node in walked("", open_api_schema(definition))
    if path not in {"", ".metadata"}
]


def test_folder_holds_exactly_what_is_generated() -> None:
    written = {str(path.relative_to(CRDS)): path.read_text() for path in CRDS.rglob("*") if path.is_file()}

    assert written == dict(generate()), "run `make crds`"


@pytest.mark.parametrize(("path", "node"), NODES)
def test_every_string_list_and_map_is_bounded(path: str, node: dict[str, Any]) -> None:
    kind = node["type"]
    if kind == "string":
        assert "maxLength" in node or "enum" in node
    if kind == "array":
        assert "maxItems" in node
        assert node["x-kubernetes-list-type"] in {"map", "atomic"}
    if kind == "object":
        assert "properties" in node or "maxProperties" in node
    assert ("x-kubernetes-preserve-unknown-fields" in node) is (path == FREE)


@pytest.mark.parametrize(("path", "node"), NODES)
def test_every_field_is_described(path: str, node: dict[str, Any]) -> None:
    if path in {".apiVersion", ".kind"} or path.endswith(("[]", "{}")):
        return
    assert node["description"].endswith((".", '"'))


def test_schema_is_inlined_and_structural() -> None:
    for definition in DEFINITIONS:
        text = json.dumps(build_crd(definition, open_api_schema(definition)))
        for word in ("$ref", "anyOf", "$defs", "patternProperties", "propertyNames", '"title"', '"const"'):
            assert word not in text, f"{definition.kind}: {word}"


@pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda definition: definition.kind)
def test_defaults_do_not_change_what_was_asked(definition: Definition) -> None:
    defaults = {path: node["default"] for path, node in walked("", open_api_schema(definition)) if "default" in node}

    assert not [path for path in defaults if path.startswith(".status")]
    if definition.kind == "Project":
        stated = {path.removeprefix(".spec."): value for path, value in defaults.items()}
        bare = Project(metadata=ObjectMeta(name="p"), spec=ProjectSpec.model_validate(PROJECT))
        filled = Project(metadata=ObjectMeta(name="p"), spec=ProjectSpec.model_validate({**PROJECT, **stated}))
        assert stated and bare.run_id == filled.run_id


def test_manual_names_every_field_and_reason() -> None:
    manual = generate()["README.md"]

    for definition in DEFINITIONS:
        for path, _ in walked("", open_api_schema(definition)):
            if path.startswith((".spec.", ".status.")) and not path.endswith(("[]", "{}")):
                assert f"`{path[1:]}" in manual, path
    assert all(f"| `{reason}` |" in manual for reason in Reason)
    assert PLAN_TASK in manual


def validator(name: str) -> jsonschema.Draft7Validator:
    schema = json.loads(generate()[f"schemas/{name}"])
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


@pytest.mark.parametrize("case", [case for case in VALID if None not in case.spec.values()], ids=lambda case: case.name)
def test_editor_accepts_what_is_valid(case: Case) -> None:
    body = case.to_object()

    for name in ("aios.schema.json", f"{case.kind.lower()}.schema.json"):
        assert not list(validator(name).iter_errors(body))


def test_editor_marks_misspelt_fields_and_leaves_config_maps_alone() -> None:
    combined = validator("aios.schema.json")
    misspelt = next(case for case in INVALID if case.name == "an unknown field").to_object()

    assert any("capabilty" in error.message for error in combined.iter_errors(misspelt))
    assert "kind: ConfigMap" in NEIGHBOURS
    assert combined.is_valid({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": {}})
