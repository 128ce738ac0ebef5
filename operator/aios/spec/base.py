"""What all resources share: names, metadata, conditions, and how strict their models are.

The models ignore fields they do not know, because an operator must read objects that a newer version stored. The
loader, which reads what a person is typing now, validates the same models with `extra="forbid"`.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

from aios.spec.vocabulary import Sentence


class Part(BaseModel):
    """A piece of a resource: camelCase in YAML, snake_case here, immutable."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True, extra="ignore")


class Kind(StrEnum):
    """The kinds we read: ours, and the two core kinds that our references point to."""

    MODEL = "Model"
    TEAM = "AgentTeam"
    AGENT = "Agent"
    PROJECT = "Project"
    CONFIG_MAP = "ConfigMap"
    SECRET = "Secret"


@dataclass(frozen=True, slots=True, order=True)
class Ref:
    """Which object: the key of every reconcile. Shown as Kind/namespace/name."""

    kind: Kind
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.namespace}/{self.name}"


class OwnerReference(Part):
    """Kubernetes' link from a child to its owner; the child goes when the owner goes."""

    api_version: str
    kind: str
    name: str
    uid: str
    controller: bool = True
    block_owner_deletion: bool = True


class ManagedFields(Part):
    """Which manager last set which fields of an object (server-side apply's bookkeeping)."""

    manager: str = ""
    operation: str = ""
    subresource: str = ""
    fields_v1: dict[str, object] = Field(default_factory=dict, alias="fieldsV1")


class ObjectMeta(Part):
    """The metadata we read or write."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=253)]
    namespace: str = "default"
    uid: str = ""
    generation: int = 0
    resource_version: str = ""
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    finalizers: tuple[str, ...] = ()
    owner_references: tuple[OwnerReference, ...] = ()
    managed_fields: tuple[ManagedFields, ...] = ()


class Condition(Part):
    """One thing that is or is not so, after Kubernetes' metav1.Condition."""

    type: Annotated[str, StringConstraints(max_length=63)] = Field(description="What is or is not so.")
    status: Literal["True", "False", "Unknown"] = Field(description="Whether it is so.")
    reason: Annotated[str, StringConstraints(max_length=63)] = Field(
        description="One word for why; `aios explain REASON` says more."
    )
    message: Sentence = Field(default="", description="The same as a sentence, with what to do.")
    observed_generation: int = Field(default=0, description="The spec's generation this was judged on.")
    last_transition_time: datetime | None = Field(default=None, description="When `status` last flipped.")


Conditions = Annotated[
    tuple[Condition, ...], Field(max_length=16, json_schema_extra={"x-kubernetes-list-map-keys": ["type"]})
]


class KeyRef(Part):
    """A key of a ConfigMap in the same namespace."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=253)] = Field(description="The ConfigMap's name.")
    key: Annotated[str, StringConstraints(min_length=1, max_length=253)] = Field(description="The key in its data.")


class TextSource(Part):
    """Text that lives elsewhere."""

    config_map_key_ref: KeyRef = Field(description="The ConfigMap key that holds the text.")


class SecretKeyRef(Part):
    """A key of a Secret in the same namespace."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=253)] = Field(description="The Secret's name.")
    key: Annotated[str, StringConstraints(min_length=1, max_length=253)] = Field(description="The key in its data.")


class Resource(Part):
    """Common head of all kinds; `ref` is its identity."""

    api_version: str
    kind: str
    metadata: ObjectMeta

    @property
    def ref(self) -> Ref:
        """The object's key."""
        return Ref(Kind(self.kind), self.metadata.namespace, self.metadata.name)


class ConfigMap(Resource):
    """Kubernetes' ConfigMap, as far as references to its text need it."""

    api_version: Literal["v1"] = "v1"
    kind: Literal["ConfigMap"] = "ConfigMap"
    data: dict[str, str] = Field(default_factory=dict)
    binary_data: dict[str, str] = Field(default_factory=dict)
    immutable: bool = False


class Secret(Resource):
    """Kubernetes' Secret, as far as references to its values need it. Values are never shown or logged."""

    api_version: Literal["v1"] = "v1"
    kind: Literal["Secret"] = "Secret"
    type: str = "Opaque"
    data: dict[str, str] = Field(default_factory=dict, repr=False)
    string_data: dict[str, str] = Field(default_factory=dict, repr=False)
    immutable: bool = False
