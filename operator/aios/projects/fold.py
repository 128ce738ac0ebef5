"""How each event changes a run. Total and idempotent: any event may come twice or too late and then changes nothing.

A run's stream has one writer, so its records are in order; what reaches that writer (bells, timers, answers of
attempts long given up) is not. Being indifferent here is what makes it harmless there.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import singledispatch

from aios.naming import PLAN_TASK
from aios.projects.state import RunState, TaskState
from aios.spec.project import TaskSpec
from aios.spec.vocabulary import Strategy, TaskPhase
from aios.tasks.result import Outcome
from aios.tasks.run_events import (
    AnyRunEvent,
    AttemptEnded,
    CancelRequested,
    Dispatched,
    DoorbellDied,
    EngineStarted,
    LimitsChanged,
    Planned,
    PlanRejected,
    Resumed,
    RetryRequested,
    RetryScheduled,
    RunEnded,
    RunStarted,
    Suspended,
    TaskFailed,
    TaskSkipped,
    TimerFired,
    Waiting,
)
from aios.tasks.task import TaskKind

PLANNING = "Split the goal into tasks."


def fold(events: Iterable[AnyRunEvent], state: RunState | None = None) -> RunState:
    """The state after `events`, from `state` or from nothing."""
    current = state or RunState()
    for event in events:
        current = apply(current, event)
    return current


def apply(state: RunState, event: AnyRunEvent) -> RunState:
    """The state after one event. Everything but RunStarted is ignored before RunStarted."""
    if state.started is None and not isinstance(event, RunStarted):
        return state
    changed = _apply(event, state)
    return replace(changed, now=event.at) if event.at > changed.now else changed


@singledispatch
def _apply(event: AnyRunEvent, state: RunState) -> RunState:
    raise NotImplementedError(f"no rule for {type(event).__name__}")


@_apply.register
def _(event: RunStarted, state: RunState) -> RunState:
    if state.started:
        return state
    plans = event.strategy is Strategy.SUPERVISOR and not event.tasks and event.supervisor is not None
    return replace(
        state,
        started=event,
        planning=_planning(event) if plans else None,
        max_attempts=event.max_attempts,
        max_in_flight=event.max_in_flight,
        timeout=event.timeout,
        opened_at=event.at,
        now=event.at,
    )


def _planning(event: RunStarted) -> TaskState:
    spec = TaskSpec.model_construct(name=PLAN_TASK, instructions=PLANNING, member=event.supervisor)
    return TaskState(spec, TaskKind.PLAN, TaskPhase.READY)


@_apply.register
def _(event: EngineStarted, state: RunState) -> RunState:
    return replace(state, engine=event.engine)


@_apply.register
def _(event: DoorbellDied, state: RunState) -> RunState:
    return state  # what follows from it the sweep finds out by itself


@_apply.register
def _(event: LimitsChanged, state: RunState) -> RunState:
    return replace(state, max_attempts=event.max_attempts, max_in_flight=event.max_in_flight, timeout=event.timeout)


@_apply.register
def _(event: Planned, state: RunState) -> RunState:
    if state.planned or state.ended:
        return state
    tasks = {spec.name: TaskState(spec) for spec in event.tasks}
    return _unblock(replace(state, planned=True, planner=event.member, planner_model=event.model, tasks=tasks))


@_apply.register
def _(event: PlanRejected, state: RunState) -> RunState:
    planning = state.planning
    if planning is None or state.planned or state.ended or planning.phase is not TaskPhase.SUCCEEDED:
        return state
    if planning.attempt != event.attempt:
        return state
    return _put(
        state,
        replace(
            planning,
            phase=TaskPhase.BACKOFF,
            due=None,
            reason=f"no valid plan: {event.error}",
            feedback=f"Your plan was not accepted. {event.error}",
            failed_models=(*planning.failed_models, planning.model),
        ),
    )


@_apply.register
def _(event: Dispatched, state: RunState) -> RunState:
    def dispatch(task: TaskState) -> TaskState:
        if task.phase not in {TaskPhase.READY, TaskPhase.WAITING} or event.attempt <= task.attempt:
            return task
        return replace(
            task,
            phase=TaskPhase.RUNNING,
            attempt=event.attempt,
            member=event.member,
            model=event.model,
            reason=event.reason,
            result=None,
        )

    return _change(state, event.task.name, dispatch)


@_apply.register
def _(event: Waiting, state: RunState) -> RunState:
    def wait(task: TaskState) -> TaskState:
        if task.phase not in {TaskPhase.READY, TaskPhase.WAITING}:
            return task
        return replace(task, phase=TaskPhase.WAITING, reason=event.reason)

    return _change(state, event.task, wait)


@_apply.register
def _(event: AttemptEnded, state: RunState) -> RunState:
    task = state.find(event.task)
    if task is None or task.phase is not TaskPhase.RUNNING or task.attempt != event.attempt:
        return state
    paid = replace(state, spend=state.spend + event.result.spend)
    return _unblock(_put(paid, _after_attempt(task, event, cancelled=state.cancel is not None)))


def _after_attempt(task: TaskState, event: AttemptEnded, *, cancelled: bool) -> TaskState:
    result = event.result
    ended = replace(task, result=result, privacy=task.privacy.stricter(result.privacy))
    if result.outcome is Outcome.SUCCEEDED:
        return replace(ended, phase=TaskPhase.SUCCEEDED, reason="")
    said = result.message or str(result.outcome)
    if cancelled:
        return replace(ended, phase=TaskPhase.CANCELLED, reason=said)
    if result.outcome is Outcome.WITHDRAWN:
        return replace(ended, phase=TaskPhase.READY, forgiven=task.forgiven + 1, reason=said)
    failed = (task.model,) if result.outcome.escalates else ()
    unusable = (task.model,) if result.outcome is Outcome.UNUSABLE_ANSWER else ()
    return replace(
        ended,
        phase=TaskPhase.BACKOFF,
        due=None,
        reason=said,
        feedback=f"Attempt {event.attempt} by {task.member} ended {result.outcome}: {said}",
        failed_models=(*task.failed_models, *failed),
        unusable_models=(*task.unusable_models, *unusable),
    )


@_apply.register
def _(event: RetryScheduled, state: RunState) -> RunState:
    def schedule(task: TaskState) -> TaskState:
        return replace(task, due=event.due) if task.undecided and task.attempt == event.attempt else task

    return _change(state, event.task, schedule)


@_apply.register
def _(event: TimerFired, state: RunState) -> RunState:
    def wake(task: TaskState) -> TaskState:
        due = task.phase is TaskPhase.BACKOFF and task.due is not None and task.attempt == event.attempt
        return replace(task, phase=TaskPhase.READY, due=None) if due else task

    return _change(state, event.task, wake)


@_apply.register
def _(event: TaskFailed, state: RunState) -> RunState:
    def fail(task: TaskState) -> TaskState:
        return replace(task, phase=TaskPhase.FAILED, reason=event.reason) if task.undecided else task

    return _change(state, event.task, fail)


@_apply.register
def _(event: TaskSkipped, state: RunState) -> RunState:
    def skip(task: TaskState) -> TaskState:
        if task.phase is not TaskPhase.BLOCKED:
            return task
        return replace(task, phase=TaskPhase.SKIPPED, reason=f"{event.because} did not succeed")

    return _change(state, event.task, skip)


@_apply.register
def _(event: Suspended, state: RunState) -> RunState:
    return state if state.ended or state.suspended else replace(state, suspended_at=event.at)


@_apply.register
def _(event: Resumed, state: RunState) -> RunState:
    if state.suspended_at is None:
        return state
    rested = max(0.0, event.at - max(state.suspended_at, state.opened_at))
    return replace(state, suspended_at=None, paused=state.paused + rested)


@_apply.register
def _(event: CancelRequested, state: RunState) -> RunState:
    return state if state.ended or state.cancel else replace(state, cancel=event)


@_apply.register
def _(event: RunEnded, state: RunState) -> RunState:
    if state.ended:
        return state
    ended = replace(state, ended=event)
    for task in state.everything:
        if not task.phase.ended:
            ended = _put(ended, replace(task, phase=TaskPhase.CANCELLED, due=None, reason="the run ended before"))
    return ended


@_apply.register
def _(event: RetryRequested, state: RunState) -> RunState:
    if event.token and event.token in state.tokens:
        return state
    known = replace(state, tokens=state.tokens | {event.token}) if event.token else state
    # Before there is a plan, no task that is named exists: what is to be done again is the planning.
    again = _to_repeat(state, event.tasks if state.planned else ())
    if not again and state.planned:
        return known
    for name in again:
        task = known.find(name)
        if task is not None:
            known = _put(known, replace(task, phase=TaskPhase.BLOCKED, due=None, forgiven=task.attempt, reason=""))
    if known.ended:
        known = replace(known, ended=None, cancel=None, opened_at=event.at, paused=0.0)
        known = replace(known, suspended_at=event.at if known.suspended else None)
    return _unblock(known)


def _to_repeat(state: RunState, asked: tuple[str, ...]) -> frozenset[str]:
    """The asked tasks (or all) that ended without success, and what else did that they wait for or that waits for
    any of these."""
    bad = {task.name: task for task in state.everything if _unsuccessful(task)}
    failed = {name for name, task in bad.items() if task.phase is not TaskPhase.SKIPPED}
    again = _closure(bad.keys() & (asked or failed), lambda name: bad.keys() & bad[name].spec.depends_on)
    return frozenset(_closure(again, lambda name: {one for one in bad if name in bad[one].spec.depends_on}))


def _closure(start: set[str], follow: Callable[[str], set[str]]) -> set[str]:
    """`start`, and whatever `follow` leads to from there."""
    found, fresh = start, start
    while fresh:
        fresh = {further for name in fresh for further in follow(name)} - found
        found = found | fresh
    return found


def _unsuccessful(task: TaskState) -> bool:
    return task.phase.ended and task.phase is not TaskPhase.SUCCEEDED


def _change(state: RunState, name: str, change: Callable[[TaskState], TaskState]) -> RunState:
    """`change` the task of that name; an unknown one, or a run that ended, stays as it is."""
    task = None if state.ended else state.find(name)
    if task is None:
        return state
    changed = change(task)
    return state if changed is task else _put(state, changed)


def _put(state: RunState, task: TaskState) -> RunState:
    if task.kind is TaskKind.PLAN:
        return replace(state, planning=task)
    return replace(state, tasks={**state.tasks, task.name: task})


def _unblock(state: RunState) -> RunState:
    """Blocked tasks whose dependencies have all succeeded become ready."""
    done = {task.name for task in state.tasks.values() if task.phase is TaskPhase.SUCCEEDED}
    ready = {
        task.name: replace(task, phase=TaskPhase.READY)
        for task in state.tasks.values()
        if task.phase is TaskPhase.BLOCKED and done.issuperset(task.spec.depends_on)
    }
    planning = state.planning
    if planning is not None and planning.phase is TaskPhase.BLOCKED:
        planning = replace(planning, phase=TaskPhase.READY)
    return replace(state, tasks={**state.tasks, **ready}, planning=planning)
