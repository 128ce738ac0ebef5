"""What a run is, as values. `fold.py` makes it from events, `decide.py` reads it; nothing here changes anything."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from aios.spec.project import TaskSpec
from aios.spec.vocabulary import Privacy, ProjectPhase, TaskPhase
from aios.tasks.result import Spend, TaskResult
from aios.tasks.run_events import CancelRequested, RunEnded, RunStarted
from aios.tasks.task import TaskKind

EMPTY: Mapping[str, "TaskState"] = {}


@dataclass(frozen=True, slots=True)
class TaskState:
    """One task of the run.

    BackOff without `due` means: its last attempt ended badly and nobody has decided yet what follows.
    """

    spec: TaskSpec
    kind: TaskKind = TaskKind.WORK
    phase: TaskPhase = TaskPhase.BLOCKED
    attempt: int = 0
    """The last attempt that was dispatched; numbers are never used twice, whoever retries."""
    forgiven: int = 0
    """Attempts made before a person asked for another try; they no longer count."""
    member: str = ""
    model: str = ""
    due: float | None = None
    reason: str = ""
    feedback: str = ""
    failed_models: tuple[str, ...] = ()
    """Models whose work was not good enough: the next attempt looks above them."""
    unusable_models: tuple[str, ...] = ()
    """Of these, models that declined or gave no answer to go on with: another one is asked, if there is any."""
    privacy: Privacy = Privacy.PUBLIC
    """The strictest label its attempts' data had."""
    result: TaskResult | None = None

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def tries(self) -> int:
        """Attempts that count against the limit."""
        return self.attempt - self.forgiven

    @property
    def undecided(self) -> bool:
        """Whether its last attempt failed and neither a retry nor the end was decided."""
        return self.phase is TaskPhase.BACKOFF and self.due is None


@dataclass(frozen=True, slots=True)
class RunState:
    """The run after some events; the empty one before RunStarted. Times are run time in seconds."""

    started: RunStarted | None = None
    planned: bool = False
    planner: str = ""
    planner_model: str = ""
    planning: TaskState | None = None
    """The supervisor's planning, if there is any: a task of its own, not one of `tasks`."""
    tasks: Mapping[str, TaskState] = field(default_factory=lambda: EMPTY)
    """By name, in the plan's order."""
    max_attempts: int = 3
    max_in_flight: int = 10
    timeout: float = 3600.0
    engine: str = ""
    """Who took over last."""
    now: float = 0.0
    """Run time of the latest event."""
    opened_at: float = 0.0
    """When the run was started or last reopened; its timeout counts from here."""
    paused: float = 0.0
    """Seconds since `opened_at` that it was suspended; they do not count against the timeout."""
    suspended_at: float | None = None
    cancel: CancelRequested | None = None
    ended: RunEnded | None = None
    tokens: frozenset[str] = frozenset()
    """Retry requests already answered."""
    spend: Spend = field(default_factory=Spend)

    @property
    def suspended(self) -> bool:
        return self.suspended_at is not None

    @property
    def everything(self) -> tuple[TaskState, ...]:
        """The planning, if any, and the tasks."""
        return ((self.planning,) if self.planning else ()) + tuple(self.tasks.values())

    @property
    def running(self) -> tuple[TaskState, ...]:
        """Tasks with an attempt in flight."""
        return tuple(task for task in self.everything if task.phase is TaskPhase.RUNNING)

    @property
    def startable(self) -> tuple[TaskState, ...]:
        """Tasks that only need somebody to do them."""
        return tuple(task for task in self.everything if task.phase in {TaskPhase.READY, TaskPhase.WAITING})

    @property
    def succeeded(self) -> int:
        """How many of `tasks` succeeded."""
        return sum(task.phase is TaskPhase.SUCCEEDED for task in self.tasks.values())

    @property
    def phase(self) -> ProjectPhase:
        """What a person is shown."""
        if self.ended:
            return self.ended.phase
        if not self.started:
            return ProjectPhase.PENDING
        if self.suspended:
            return ProjectPhase.PAUSED
        return ProjectPhase.RUNNING if self.planned else ProjectPhase.PLANNING

    @property
    def deadline(self) -> float:
        """Run time at which it has taken too long, if it is not suspended until then."""
        return self.opened_at + self.paused + self.timeout

    def find(self, name: str) -> TaskState | None:
        """The task, or the planning, of that name."""
        if self.planning and self.planning.name == name:
            return self.planning
        return self.tasks.get(name)
