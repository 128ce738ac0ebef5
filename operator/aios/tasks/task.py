"""A task as the engine dispatches it: everything a member needs to know, nothing about who will do it."""

from enum import StrEnum

from pydantic import Field

from aios.spec.base import Part
from aios.spec.vocabulary import Privacy, Tier


class TaskKind(StrEnum):
    """Work leaves files; Plan answers with tasks."""

    WORK = "Work"
    PLAN = "Plan"


class Task(Part):
    """One piece of work within a run. Serialised into the run's journal when it is dispatched."""

    name: str
    kind: TaskKind = TaskKind.WORK
    goal: str
    instructions: str
    inputs: dict[str, str] = Field(default_factory=dict)
    depends_on: tuple[str, ...] = ()
    privacy: Privacy = Privacy.INTERNAL
    complexity: int = 5
    member: str | None = None
    tier: Tier | None = None
    outputs: tuple[str, ...] = ()
    check: tuple[str, ...] = ()
    """Program and arguments that must succeed before the task may end; empty: none."""
