"""What a run does next, from its state and the time alone: no port, no randomness, no candidates.

Commands are either facts to journal (`Emit`) or questions whose answer depends on who is there now (`Assign`,
`JudgePlan`) or on an attempt's stream (`Stop`). `step.py` answers the first two, the engine the last.
"""

from dataclasses import dataclass

from aios.projects.layout import stated_plan
from aios.projects.state import RunState, TaskState
from aios.spec.vocabulary import ProjectPhase, TaskPhase
from aios.tasks.result import Outcome
from aios.tasks.retry import backoff_seconds
from aios.tasks.run_events import (
    AnyRunEvent,
    CancelRequested,
    Planned,
    RetryScheduled,
    RunEnded,
    TaskFailed,
    TaskSkipped,
    TimerFired,
)

HEALED_BY_TIME = frozenset({Outcome.MODEL_ERROR, Outcome.ENVIRONMENT, Outcome.CONFLICT, Outcome.TIMED_OUT})
"""Outcomes after which waiting helps. Work that was not good enough is no better in a minute: it goes on at once."""


@dataclass(frozen=True, slots=True)
class Emit:
    """Journal this."""

    event: AnyRunEvent


@dataclass(frozen=True, slots=True)
class Assign:
    """Find somebody for the task's next attempt, if there is room for one more."""

    task: TaskState


@dataclass(frozen=True, slots=True)
class JudgePlan:
    """Accept the planner's answer or say what is wrong with it."""

    planning: TaskState
    text: str


@dataclass(frozen=True, slots=True)
class Stop:
    """End the attempt in flight, whoever works on it."""

    task: TaskState


Command = Emit | Assign | JudgePlan | Stop


def decide(state: RunState, now: float) -> tuple[Command, ...]:
    """What is to be done now. Carried out, the same question yields nothing new until something happens: a result,
    a timer that is due, a wish of the user, or somebody who may do a task that waits."""
    if state.started is None or state.ended:
        return ()
    if state.cancel:
        return _cancelling(state, state.cancel, now)
    if not state.suspended and now >= state.deadline:
        reason = f"timed out: the run took longer than its timeout of {state.timeout:g} s"
        return (Emit(CancelRequested(at=now, reason=reason, ends=ProjectPhase.FAILED)),)
    settling = (
        *_timers(state, now),
        *_failures(state, now),
        *(_tasks(state, now) if state.planned else _plan(state, now)),
    )
    if settling or state.suspended:
        return settling
    return tuple(Assign(task) for task in state.startable)


def _cancelling(state: RunState, cancel: CancelRequested, now: float) -> tuple[Command, ...]:
    if state.running:
        return tuple(Stop(task) for task in state.running)
    if state.planned and state.succeeded == len(state.tasks):  # the last result was quicker than the wish
        return (Emit(RunEnded(at=now, phase=ProjectPhase.SUCCEEDED)),)
    return (Emit(RunEnded(at=now, phase=cancel.ends, reason=cancel.reason)),)


def _timers(state: RunState, now: float) -> tuple[Command, ...]:
    return tuple(
        Emit(TimerFired(at=now, task=task.name, attempt=task.attempt))
        for task in state.everything
        if task.phase is TaskPhase.BACKOFF and task.due is not None and task.due <= now
    )


def _failures(state: RunState, now: float) -> tuple[Command, ...]:
    return tuple(Emit(_after_failure(state, task, now)) for task in state.everything if task.undecided)


def _after_failure(state: RunState, task: TaskState, now: float) -> AnyRunEvent:
    outcome = task.result.outcome if task.result else Outcome.MODEL_ERROR
    # A plan that was answered but not accepted is as retryable as any work that was not good enough.
    again = outcome is Outcome.SUCCEEDED or outcome.retryable
    if not again:
        return TaskFailed(at=now, task=task.name, reason=task.reason)
    if task.tries >= state.max_attempts:
        return TaskFailed(at=now, task=task.name, reason=f"{task.reason} (after {_made(task)})")
    run = state.started.run if state.started else ""
    wait = backoff_seconds(f"{run}/{task.name}", task.tries) if outcome in HEALED_BY_TIME else 0.0
    return RetryScheduled(at=now, task=task.name, attempt=task.attempt, due=now + wait)


def _made(task: TaskState) -> str:
    """All attempts, since the last one was told by its number."""
    said = f"{task.attempt} attempt{'s' if task.attempt != 1 else ''}"
    return f"{said}, {task.forgiven} of them not counted" if task.forgiven else said


def _plan(state: RunState, now: float) -> tuple[Command, ...]:
    planning = state.planning
    if planning is None:
        plan = stated_plan(state)
        if not plan:
            reason = "the team has no supervisor to plan and the project states no tasks"
            return (Emit(RunEnded(at=now, phase=ProjectPhase.FAILED, reason=reason)),)
        return (Emit(Planned(at=now, member="", tasks=plan)),)
    if planning.phase is TaskPhase.SUCCEEDED and planning.result:
        return (JudgePlan(planning, planning.result.text),)
    if planning.phase is TaskPhase.FAILED:
        reason = f"planning failed: {planning.reason}"
        return (Emit(RunEnded(at=now, phase=ProjectPhase.FAILED, reason=reason)),)
    return ()


def _tasks(state: RunState, now: float) -> tuple[Command, ...]:
    dead = {task.name for task in state.tasks.values() if task.phase.ended and task.phase is not TaskPhase.SUCCEEDED}
    skipped = tuple(
        Emit(TaskSkipped(at=now, task=task.name, because=because))
        for task in state.tasks.values()
        if task.phase is TaskPhase.BLOCKED
        and (because := next((name for name in task.spec.depends_on if name in dead), ""))
    )
    if skipped or not all(task.phase.ended for task in state.tasks.values()):
        return skipped
    if not dead:
        return (Emit(RunEnded(at=now, phase=ProjectPhase.SUCCEEDED)),)
    return (Emit(RunEnded(at=now, phase=ProjectPhase.FAILED, reason=_why(state))),)


def _why(state: RunState) -> str:
    failed = [task for task in state.tasks.values() if task.phase in {TaskPhase.FAILED, TaskPhase.CANCELLED}]
    skipped = sum(task.phase is TaskPhase.SKIPPED for task in state.tasks.values())
    said = "; ".join(f"{task.name} failed: {task.reason}" for task in failed[:3])
    more = f"; {len(failed) - 3} more failed" if len(failed) > 3 else ""
    return said + more + (f"; {skipped} skipped because of it" if skipped else "")
