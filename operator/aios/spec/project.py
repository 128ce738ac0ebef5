"""Project: a goal for a team, its tasks if the user plans them, and how its run is going."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from aios.naming import API_VERSION, digest, run_id
from aios.spec.base import Conditions, Part, Resource
from aios.spec.vocabulary import (
    Argument,
    DeletionPolicy,
    InputKey,
    Line,
    MemberName,
    Name,
    OnChange,
    Privacy,
    ProjectPhase,
    Sentence,
    TaskName,
    TaskPhase,
    Text,
    Tier,
    TimeLimit,
    Word,
)

Glob = Annotated[str, StringConstraints(min_length=1, max_length=256)]


class Check(Part):
    """A command that must succeed before a task may end."""

    run: Annotated[tuple[Argument, ...], Field(min_length=1, max_length=50)] = Field(
        description="The program and its arguments; no shell. Its member must be allowed to run it."
    )


class TaskSpec(Part):
    """One piece of work, small enough to be checked."""

    name: TaskName = Field(description="Unique within the project.")
    instructions: Text = Field(description="What to do.")
    depends_on: Annotated[tuple[TaskName, ...], Field(max_length=20)] = Field(
        default=(), description="Tasks that must have succeeded first."
    )
    complexity: Annotated[int, Field(ge=1, le=10)] | None = Field(
        default=None,
        description="1 to 10; a model needs at least this capability. Default by tier: 3, 5 or 8, "
        "or the most capable model there is.",
    )
    privacy: Privacy | None = Field(default=None, description="Stricter than the project's, never looser.")
    member: MemberName | None = Field(default=None, description="Who must do it.")
    tier: Tier | None = Field(default=None, description="Which tier must do it; not together with member.")
    outputs: Annotated[tuple[Glob, ...], Field(max_length=20)] = Field(
        default=(), description="Globs that must match a file in the workspace when it ends."
    )
    check: Check | None = Field(default=None, description="A command that must succeed before it may end.")


class ProjectSpec(Part):
    """What the user asks for."""

    team: Name = Field(description="The team that does it.")
    goal: Text = Field(description="What should be there in the end.")
    inputs: Annotated[dict[InputKey, Line], Field(max_length=50)] = Field(
        default_factory=dict, description="Values that prompts may use as inputs.NAME."
    )
    tasks: Annotated[tuple[TaskSpec, ...], Field(max_length=100)] = Field(
        default=(),
        description="The plan; without it a Strategic member makes one.",
        json_schema_extra={"x-kubernetes-list-map-keys": ["name"]},
    )
    privacy: Privacy = Field(default=Privacy.INTERNAL, description="How far its data may travel.")
    rerun: Word | None = Field(default=None, description="Any string; another string forces a new run.")
    suspend: bool = Field(default=False, description="Start no further tasks while true.")
    cancel: bool = Field(default=False, description="Stop the run; it ends Cancelled.")
    timeout: TimeLimit = Field(default="1h", description="How long the run may take while an engine drives it.")
    on_change: OnChange = Field(
        default=OnChange.FINISH, description="Finish or Cancel the run in progress when the spec changes."
    )
    deletion_policy: DeletionPolicy = Field(
        default=DeletionPolicy.RETAIN, description="Whether its files and journal outlive the Project."
    )

    @property
    def digest(self) -> str:
        """What was asked: the fields that decide the work, without those that only steer a run.

        A field stated with its default digests like one not stated: the API server fills defaults in, a laptop
        does not, and both must arrive at the same run.
        """
        steering = {"suspend", "cancel", "timeout", "on_change", "deletion_policy"}
        return digest(self.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude=steering))


class TaskStatus(Part):
    """One task of the run."""

    name: TaskName = Field(description="The task.")
    phase: TaskPhase = Field(description="Where it is.")
    attempt: int = Field(default=0, description="Attempts so far.")
    member: Sentence = Field(default="", description="Who does or did it.")
    model: Sentence = Field(default="", description="With which model.")
    reason: Sentence = Field(default="", description="Why it waits, failed or was skipped.")


class RunStatus(Part):
    """A mirror of the run's journal; the engine writes it."""

    id: Sentence = Field(default="", description="namespace/project/digest.")
    phase: ProjectPhase = Field(default=ProjectPhase.PENDING, description="Where the run is.")
    sequence: int = Field(default=0, description="The journal sequence this mirrors.")
    tasks: Annotated[tuple[TaskStatus, ...], Field(max_length=100)] = Field(
        default=(), description="Its tasks.", json_schema_extra={"x-kubernetes-list-map-keys": ["name"]}
    )
    calls: int = Field(default=0, description="Model calls that were answered.")
    cached: int = Field(default=0, description="Of these, how many by the team's reply cache: nobody was paid.")
    in_doubt: int = Field(default=0, description="Model calls started whose answer was never recorded.")
    tokens: int = Field(default=0, description="Tokens used.")
    cost: Sentence = Field(default="0", description="USD spent, with calls in doubt at their worst case.")
    started_at: datetime | None = Field(default=None, description="When the run was first journalled.")
    ended_at: datetime | None = Field(default=None, description="When it ended.")
    reason: Sentence = Field(default="", description="Why it failed or waits.")


class ProjectStatus(Part):
    """What the operator found and how the run is going."""

    observed_generation: int = Field(default=0, description="The spec's generation this status speaks of.")
    conditions: Conditions = Field(default=(), description="Ready, Complete, Failed, Reconciling, Stalled.")
    phase: ProjectPhase = Field(default=ProjectPhase.PENDING, description="Where it is.")
    done: Sentence = Field(default="", description="Tasks done of all tasks, n/m, for the column.")
    reason: Sentence = Field(default="", description="The deciding condition's reason, for the wide column.")
    tokens: int = Field(default=0, description="Tokens used, for the wide column.")
    run: RunStatus = Field(default_factory=RunStatus, description="The run; written by the engine alone.")


class Project(Resource):
    """A goal for a team."""

    api_version: str = API_VERSION
    kind: Literal["Project"] = "Project"
    spec: ProjectSpec
    status: ProjectStatus = Field(default_factory=ProjectStatus)

    @property
    def run_id(self) -> str:
        """The run that this spec asks for."""
        return run_id(self.metadata.namespace, self.metadata.name, self.spec.digest)
