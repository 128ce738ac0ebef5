"""Our nouns: what a team needs in any world. `adapters/kubernetes/render.py` turns them into manifests, the
embedded world into tasks and folders."""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

from aios.naming import agent_name, digest
from aios.spec.base import Part
from aios.spec.model import ModelSpec
from aios.spec.team import Limits, Member


class WorkerModel(Part):
    """A model a worker may use, with its script resolved."""

    name: str
    spec: ModelSpec


class WorkerConfig(Part):
    """All a worker must know, references resolved: it needs no right to read any resource.

    A change of it replaces the replicas.
    """

    namespace: str
    team: str
    member: Member
    """With `prompt` resolved, whether it was stated in place or in a ConfigMap."""
    models: tuple[WorkerModel, ...]
    limits: Limits

    @cached_property
    def digest(self) -> str:
        """What the replicas run with; replicas themselves do not count."""
        return digest(self.model_dump(mode="json", by_alias=True, exclude={"member": {"replicas"}}))

    @property
    def agent(self) -> str:
        """The Agent's name."""
        return agent_name(self.team, self.member.name)

    def __copy__(self) -> Self:
        copied = super().__copy__()
        copied.__dict__.pop("digest", None)  # of the original: a copy is made to differ
        return copied


@dataclass(frozen=True, slots=True)
class Worker:
    """The replicas of one agent."""

    config: WorkerConfig
    replicas: int

    @property
    def namespace(self) -> str:
        return self.config.namespace

    @property
    def agent(self) -> str:
        return self.config.agent


@dataclass(frozen=True, slots=True, order=True)
class Queue:
    """A member's task queue."""

    name: str


@dataclass(frozen=True, slots=True, order=True)
class Bucket:
    """Where workspaces live."""

    name: str
