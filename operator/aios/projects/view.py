"""What a person is told of a run, as plain data: a pure fold from run events to lines and rows. It prints nothing.

`aios up` follows the lines as they come, `aios describe` and `aios logs` fold a whole stream and show rows and total.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from aios.naming import PLAN_TASK
from aios.projects.fold import apply
from aios.projects.state import RunState, TaskState
from aios.spec.vocabulary import ProjectPhase, TaskPhase
from aios.tasks.result import Outcome, Spend, TaskResult
from aios.tasks.run_events import (
    AnyRunEvent,
    AttemptEnded,
    CancelRequested,
    Dispatched,
    DoorbellDied,
    Planned,
    PlanRejected,
    Resumed,
    RetryRequested,
    RunEnded,
    Suspended,
    TaskFailed,
    TaskSkipped,
    Waiting,
)

OUTCOME_WORDS: Mapping[Outcome, str] = {
    Outcome.SUCCEEDED: "done",
    Outcome.CHECK_FAILED: "failed check",
    Outcome.OUTPUTS_MISSING: "outputs missing",
    Outcome.CONFLICT: "conflict",
    Outcome.STEPS_EXHAUSTED: "out of steps",
    Outcome.TIMED_OUT: "timed out",
    Outcome.MODEL_ERROR: "model error",
    Outcome.UNUSABLE_ANSWER: "no usable answer",
    Outcome.ENVIRONMENT: "not possible here",
    Outcome.BAD_PLAN: "bad plan",
    Outcome.OUTGREW_CLEARANCE: "outgrew clearance",
    Outcome.CANCELLED: "cancelled",
    Outcome.WITHDRAWN: "taken back",
    Outcome.DIVERGED: "diverged",
    Outcome.POISONED: "poisoned",
    Outcome.IN_DOUBT: "in doubt",
}
"""How each outcome is called in the table."""
_CAUSES = {**OUTCOME_WORDS, Outcome.CHECK_FAILED: "check failed"}
"""How it is called as a reason."""


@dataclass(frozen=True, slots=True)
class PlanLine:
    """The tasks are known. `member` is empty when the user or the strategy laid them out."""

    member: str
    model: str
    tasks: int


@dataclass(frozen=True, slots=True)
class AttemptLine:
    """An attempt ended. `message` is empty when it succeeded; `seconds` of work; `cost` in USD, 0 is free."""

    task: str
    member: str
    model: str
    outcome: Outcome
    word: str
    message: str
    attempt: int
    max_attempts: int
    files: tuple[str, ...]
    calls: int
    cached: int
    """Of `calls`, those that the cache of replies answered."""
    cost: Decimal
    seconds: float
    remark: str
    """Why another model than before did it: "escalated: check failed"; empty otherwise."""


@dataclass(frozen=True, slots=True)
class StartLine:
    """An attempt was dispatched."""

    task: str
    member: str
    model: str
    attempt: int
    reason: str
    remark: str


@dataclass(frozen=True, slots=True)
class NoteLine:
    """Something about a task, or about the run (`task` empty), in a word and a sentence."""

    task: str
    word: str
    text: str


@dataclass(frozen=True, slots=True)
class TotalLine:
    """The run as a whole. `seconds` is run time since it was started or last retried."""

    phase: ProjectPhase
    done: int
    tasks: int
    calls: int
    cached: int
    in_doubt: int
    tokens: int
    cost: Decimal
    seconds: float
    reason: str


Line = PlanLine | StartLine | AttemptLine | NoteLine | TotalLine


@dataclass(frozen=True, slots=True)
class TaskRow:
    """A task as it is now; sums over its attempts, of which `seconds` has those that ended."""

    name: str
    phase: TaskPhase
    member: str
    model: str
    attempt: int
    files: tuple[str, ...]
    calls: int
    cached: int
    cost: Decimal
    seconds: float
    reason: str


@dataclass(frozen=True, slots=True)
class RunView:
    """The run so far. Start with `RunView()` and `follow` every event of the stream."""

    state: RunState = field(default_factory=RunState)
    results: Mapping[str, tuple[TaskResult, ...]] = field(default_factory=dict)
    """Every result of each task, and of the planning under its reserved name."""
    remarks: Mapping[str, str] = field(default_factory=dict)
    under_way: Mapping[str, Spend] = field(default_factory=dict)
    """What attempts in flight have used so far, by task. Their streams say it, the run's does not: whoever has read
    them puts it in, `replace(view, under_way=...)`. Rows and total count it."""

    @property
    def project(self) -> str:
        return self.state.started.project if self.state.started else ""

    @property
    def rows(self) -> tuple[TaskRow, ...]:
        """One row a task, in the plan's order; while it is being planned, the planning alone."""
        shown = self.state.tasks.values() if self.state.planned else self.state.everything
        return tuple(self._row(task) for task in shown)

    def _row(self, task: TaskState) -> TaskRow:
        results = self.results.get(task.name, ())
        spend = sum((result.spend for result in results), self.under_way.get(task.name, Spend()))
        return TaskRow(
            name=task.name,
            phase=task.phase,
            member=task.member,
            model=task.model,
            attempt=task.attempt,
            files=_files(results),
            calls=spend.calls,
            cached=spend.cached,
            cost=spend.cost,
            seconds=sum(result.seconds for result in results),
            reason=task.reason,
        )

    @property
    def spent_under_way(self) -> Spend:
        """The sum of `under_way`."""
        return sum(self.under_way.values(), Spend())

    @property
    def total(self) -> TotalLine:
        """The last line; valid at any time."""
        state, spend = self.state, self.state.spend + self.spent_under_way
        return TotalLine(
            phase=state.phase,
            done=state.succeeded,
            tasks=len(state.tasks),
            calls=spend.calls,
            cached=spend.cached,
            in_doubt=spend.in_doubt,
            tokens=spend.input_tokens + spend.output_tokens,
            cost=spend.cost,
            seconds=max(0.0, state.now - state.opened_at),
            reason=state.ended.reason if state.ended else "",
        )


def follow(view: RunView, event: AnyRunEvent) -> tuple[RunView, tuple[Line, ...]]:
    """The view after `event`, and the lines it adds. An event that changes nothing (it came twice) adds none."""
    after = replace(view, state=apply(view.state, event))
    if isinstance(event, DoorbellDied):
        told = f"the doorbell of attempt {event.attempt} died in {event.queue}: workers took it and died; it rings anew"
        return after, (NoteLine(event.task, "doorbell", told),)
    unchanged = replace(after.state, now=view.state.now) == view.state
    if unchanged:
        return after, ()
    match event:
        case Dispatched():
            remark = _remark(view, event)
            after = replace(after, remarks={**view.remarks, event.task.name: remark})
            name, reason = event.task.name, event.reason
            return after, (StartLine(name, event.member, event.model, event.attempt, reason, remark),)
        case AttemptEnded():
            return _with_result(after, event)
        case RunEnded():
            return after, (after.total,)
        case _:
            return after, _notes(event, after.state)


def view_of(events: Iterable[AnyRunEvent]) -> tuple[RunView, tuple[Line, ...]]:
    """The view of a whole stream and all its lines."""
    view = RunView()
    lines: list[Line] = []
    for event in events:
        view, new = follow(view, event)
        lines += new
    return view, tuple(lines)


def _with_result(view: RunView, event: AttemptEnded) -> tuple[RunView, tuple[Line, ...]]:
    results = {**view.results, event.task: (*view.results.get(event.task, ()), event.result)}
    after = replace(view, results=results)
    if event.task == PLAN_TASK and event.result.outcome is Outcome.SUCCEEDED:
        return after, ()  # whether it was a plan is told by what follows
    task = view.state.find(event.task)
    result = event.result
    succeeded = result.outcome is Outcome.SUCCEEDED
    return after, (
        AttemptLine(
            task=event.task,
            member=task.member if task else "",
            model=task.model if task else "",
            outcome=result.outcome,
            word=OUTCOME_WORDS[result.outcome],
            message="" if succeeded else result.message,
            attempt=event.attempt,
            max_attempts=view.state.max_attempts + (task.forgiven if task else 0),
            files=result.files,
            calls=result.spend.calls,
            cached=result.spend.cached,
            cost=result.spend.cost,
            seconds=result.seconds,
            remark=view.remarks.get(event.task, ""),
        ),
    )


def _remark(view: RunView, event: Dispatched) -> str:
    """Escalation: a model that was not good enough, and another one now."""
    before = view.state.find(event.task.name)
    results = view.results.get(event.task.name, ())
    if before is None or event.model in before.failed_models or not before.failed_models:
        return ""
    causes = [result.outcome for result in results if result.outcome.escalates]
    return f"escalated: {_CAUSES[causes[-1]] if causes else 'plan not accepted'}"


def _notes(event: AnyRunEvent, state: RunState) -> tuple[Line, ...]:
    line: Line | None = None
    match event:
        case Planned(member=member, model=model, tasks=tasks):
            line = PlanLine(member, model, len(tasks))
        case PlanRejected(attempt=attempt, error=error):
            most = state.max_attempts + (state.planning.forgiven if state.planning else 0)
            line = NoteLine(PLAN_TASK, "not accepted", f"{error}, attempt {attempt} of {most}")
        case Waiting(task=task, reason=reason):
            line = NoteLine(task, "waits", reason)
        case TaskFailed(task=task, reason=reason):
            line = NoteLine(task, "failed", reason)
        case TaskSkipped(task=task, because=because):
            line = NoteLine(task, "skipped", f"{because} did not succeed")
        case CancelRequested(reason=reason):
            line = NoteLine("", "stopping", reason)
        case RetryRequested() if not state.ended:
            line = NoteLine("", "retry", "failed tasks and their dependents run again")
        case Suspended():
            line = NoteLine("", "paused", "no further task starts until it is resumed")
        case Resumed():
            line = NoteLine("", "resumed", "tasks start again")
        case _:
            pass
    return (line,) if line else ()


def _files(results: tuple[TaskResult, ...]) -> tuple[str, ...]:
    kept = (result.files for result in results if result.outcome is Outcome.SUCCEEDED)
    return tuple(sorted({path for files in kept for path in files}))
