"""What may stand in a run's stream (`runs/NAMESPACE/PROJECT/DIGEST`): the engine is its only writer.

`at` is run time: seconds an engine has been driving this run, so no two hosts' clocks are ever compared and a
laptop that sleeps over night fails nothing. Wall-clock time stands beside each record in the store, for people.
"""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from aios.spec.base import Part
from aios.spec.project import TaskSpec
from aios.spec.vocabulary import Privacy, ProjectPhase, Strategy
from aios.tasks.result import TaskResult
from aios.tasks.task import Task


class RunEvent(Part):
    """Common head: when it happened in run time, in seconds."""

    at: float = 0.0


class RunStarted(RunEvent):
    """The first record: what was asked and what bounds it."""

    kind: Literal["RunStarted"] = "RunStarted"
    run: str
    namespace: str
    project: str
    team: str
    goal: str
    inputs: dict[str, str] = Field(default_factory=dict)
    privacy: Privacy = Privacy.INTERNAL
    tasks: tuple[TaskSpec, ...] = ()
    """Stated by the user; empty: to be planned."""
    strategy: Strategy = Strategy.SUPERVISOR
    supervisor: str | None = None
    members: tuple[str, ...] = ()
    """The team's members in order, for Sequential."""
    max_attempts: int = 3
    max_in_flight: int = 10
    timeout: float = 3600.0


class EngineStarted(RunEvent):
    """An engine took over; whoever wrote before may write no more."""

    kind: Literal["EngineStarted"] = "EngineStarted"
    engine: str


class LimitsChanged(RunEvent):
    """Bounds and steering that may change while a run goes on."""

    kind: Literal["LimitsChanged"] = "LimitsChanged"
    max_attempts: int
    max_in_flight: int
    timeout: float


class Planned(RunEvent):
    """The plan was accepted."""

    kind: Literal["Planned"] = "Planned"
    member: str
    """Who planned; empty for tasks that the user stated or that Sequential laid out."""
    model: str = ""
    tasks: tuple[TaskSpec, ...]


class PlanRejected(RunEvent):
    """The planner's answer was no valid plan; it goes back with the error."""

    kind: Literal["PlanRejected"] = "PlanRejected"
    attempt: int
    error: str


class RejectedCandidate(Part):
    """A member and model that was considered for a task and why it was not chosen."""

    member: str
    model: str
    reason: str


class Dispatched(RunEvent):
    """An attempt was routed; the doorbell rings after this is durable, and may ring again."""

    kind: Literal["Dispatched"] = "Dispatched"
    task: Task
    attempt: int
    member: str
    model: str
    reason: str
    rejected: tuple[RejectedCandidate, ...] = ()
    feedback: str = ""
    """What was wrong with the attempt before, for the prompt of this one."""


class Waiting(RunEvent):
    """Nobody is permitted or able to do the task now; it waits, visibly. Written when the reason changes."""

    kind: Literal["Waiting"] = "Waiting"
    task: str
    reason: str


class AttemptEnded(RunEvent):
    """The engine saw the attempt's result."""

    kind: Literal["AttemptEnded"] = "AttemptEnded"
    task: str
    attempt: int
    result: TaskResult


class DoorbellDied(RunEvent):
    """The broker put an attempt's doorbell aside: it was taken again and again and never settled. The sweep rings
    anew; this is for whoever asks why workers die."""

    kind: Literal["DoorbellDied"] = "DoorbellDied"
    task: str
    attempt: int
    queue: str


class RetryScheduled(RunEvent):
    """The task will be tried again when run time reaches `due`."""

    kind: Literal["RetryScheduled"] = "RetryScheduled"
    task: str
    attempt: int
    due: float


class TimerFired(RunEvent):
    """A retry's time has come."""

    kind: Literal["TimerFired"] = "TimerFired"
    task: str
    attempt: int


class TaskFailed(RunEvent):
    """No further attempt will be made."""

    kind: Literal["TaskFailed"] = "TaskFailed"
    task: str
    reason: str


class TaskSkipped(RunEvent):
    """Something it depends on did not succeed."""

    kind: Literal["TaskSkipped"] = "TaskSkipped"
    task: str
    because: str


class Suspended(RunEvent):
    """No new attempts until Resumed."""

    kind: Literal["Suspended"] = "Suspended"


class Resumed(RunEvent):
    """Attempts may start again."""

    kind: Literal["Resumed"] = "Resumed"


class CancelRequested(RunEvent):
    """The run is to end; attempts in flight are told to stop."""

    kind: Literal["CancelRequested"] = "CancelRequested"
    reason: str
    ends: ProjectPhase = ProjectPhase.CANCELLED
    """How the run ends once nothing is in flight: Cancelled by a person, Failed when its time was up."""


class RetryRequested(RunEvent):
    """A person asked for failed tasks (and what was skipped because of them) to run again."""

    kind: Literal["RetryRequested"] = "RetryRequested"
    tasks: tuple[str, ...]
    """Empty: all that failed."""
    token: str = ""
    """Which request this answers (the annotation's value); the same token is never answered twice."""


class RunEnded(RunEvent):
    """Nothing more happens in this run unless somebody retries."""

    kind: Literal["RunEnded"] = "RunEnded"
    phase: ProjectPhase
    reason: str = ""


AnyRunEvent = Annotated[
    RunStarted
    | EngineStarted
    | LimitsChanged
    | Planned
    | PlanRejected
    | Dispatched
    | Waiting
    | AttemptEnded
    | DoorbellDied
    | RetryScheduled
    | TimerFired
    | TaskFailed
    | TaskSkipped
    | Suspended
    | Resumed
    | CancelRequested
    | RetryRequested
    | RunEnded,
    Field(discriminator="kind"),
]

RUN_EVENT: TypeAdapter[AnyRunEvent] = TypeAdapter(AnyRunEvent)
