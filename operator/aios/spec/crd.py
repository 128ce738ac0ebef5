"""The CustomResourceDefinitions and everything else in crds/, generated from the pydantic models.

`generate` is pure: `aios crds` writes what it returns, a test fails when the folder differs.
"""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML

from aios.naming import GROUP, VERSION
from aios.spec.agent import Agent, AgentSpec, AgentStatus
from aios.spec.base import Part, Resource
from aios.spec.cel import RULES
from aios.spec.crd_readme import readme
from aios.spec.editor_schema import editor_schemas
from aios.spec.model import Model, ModelSpec, ModelStatus
from aios.spec.project import Project, ProjectSpec, ProjectStatus
from aios.spec.structural import Schema, structural
from aios.spec.team import AgentTeam, TeamSpec, TeamStatus

CATEGORY = "aios"
_HEADER = "# Written by `aios crds` from the models in operator/aios/spec: change those, then run it again.\n"


@dataclass(frozen=True, slots=True)
class Column:
    """What `kubectl get` prints. `wide`: only with -o wide."""

    name: str
    path: str
    kind: str = "string"
    wide: bool = False

    def to_schema(self) -> dict[str, Any]:
        column: dict[str, Any] = {"name": self.name, "type": self.kind, "jsonPath": self.path}
        return {**column, "priority": 1} if self.wide else column


_AGE = Column("Age", ".metadata.creationTimestamp", "date")
_REASON = Column("Reason", ".status.reason", wide=True)
_TOKENS = Column("Tokens", ".status.tokens", "integer", wide=True)


@dataclass(frozen=True, slots=True)
class Definition:
    """One kind: its model, its names and its columns."""

    model: type[Resource]
    spec: type[Part]
    status: type[Part]
    plural: str
    short: str
    columns: tuple[Column, ...]
    scale: bool = False

    @property
    def kind(self) -> str:
        return self.model.__name__

    @property
    def file(self) -> str:
        return f"{self.plural}.yaml"


DEFINITIONS = (
    Definition(
        Model,
        ModelSpec,
        ModelStatus,
        "models",
        "mdl",
        (
            Column("Provider", ".spec.provider"),
            Column("Locality", ".status.locality"),
            Column("Clearance", ".status.clearance"),
            Column("Capability", ".spec.capability", "integer"),
            Column("Ready", ".status.ready"),
            _AGE,
            _REASON,
        ),
    ),
    Definition(
        AgentTeam,
        TeamSpec,
        TeamStatus,
        "agentteams",
        "at",
        (Column("Ready", ".status.ready"), Column("Agents", ".status.agents"), _AGE, _REASON),
    ),
    Definition(
        Agent,
        AgentSpec,
        AgentStatus,
        "agents",
        "ag",
        (
            Column("Team", ".spec.team"),
            Column("Tier", ".status.tier"),
            Column("Model", ".status.model"),
            Column("Phase", ".status.phase"),
            Column("Ready", ".status.ready"),
            Column("Busy", ".status.busy", "integer"),
            Column("Done", ".status.done", "integer"),
            _AGE,
            _REASON,
            _TOKENS,
        ),
        scale=True,
    ),
    Definition(
        Project,
        ProjectSpec,
        ProjectStatus,
        "projects",
        "proj",
        (
            Column("Team", ".spec.team"),
            Column("Phase", ".status.phase"),
            Column("Done", ".status.done"),
            _AGE,
            _REASON,
            _TOKENS,
        ),
    ),
)


def generate() -> Mapping[str, str]:
    """Every file of crds/ by its path within the folder."""
    schemas = {definition.kind: open_api_schema(definition) for definition in DEFINITIONS}
    files = {definition.file: _yaml(build_crd(definition, schemas[definition.kind])) for definition in DEFINITIONS}
    files["kustomization.yaml"] = _yaml(
        {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "resources": sorted(definition.file for definition in DEFINITIONS),
        }
    )
    declared = {kind: schema for kind, schema in schemas.items() if kind != Agent.__name__}
    for name, schema in editor_schemas(declared).items():
        files[f"schemas/{name}"] = json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
    files["README.md"] = readme(
        [(definition.kind, definition.short, definition.plural) for definition in DEFINITIONS], schemas
    )
    return files


def build_crd(definition: Definition, schema: Schema) -> dict[str, Any]:
    """The CustomResourceDefinition of one kind."""
    subresources: dict[str, Any] = {"status": {}}
    if definition.scale:
        subresources["scale"] = {
            "specReplicasPath": ".spec.replicas",
            "statusReplicasPath": ".status.replicas",
            "labelSelectorPath": ".status.selector",
        }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{definition.plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": definition.kind,
                "listKind": f"{definition.kind}List",
                "plural": definition.plural,
                "singular": definition.kind.lower(),
                "shortNames": [definition.short],
                "categories": [CATEGORY],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": schema},
                    "subresources": subresources,
                    "additionalPrinterColumns": [column.to_schema() for column in definition.columns],
                }
            ],
        },
    }


def open_api_schema(definition: Definition) -> Schema:
    """The whole object's schema: its spec with defaults, its status without."""
    schema: Schema = {
        "type": "object",
        "description": (definition.model.__doc__ or "").strip(),
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string", "maxLength": 253},
            "kind": {"type": "string", "maxLength": 63},
            "metadata": {"type": "object"},
            "spec": structural(definition.spec, defaults=True),
            "status": structural(definition.status, defaults=False),
        },
    }
    rules = RULES.get(definition.kind)
    return {**schema, "x-kubernetes-validations": [rule.to_schema() for rule in rules]} if rules else schema


def _yaml(content: object) -> str:
    writer = YAML()
    writer.width = 120
    buffer = io.StringIO()
    writer.dump(json.loads(json.dumps(content)), buffer)  # a fresh tree, so that nothing becomes an alias
    return _HEADER + buffer.getvalue()
