"""What the user's resources ask of a run that exists already: bounds, suspend, cancel, retry, deletion. Pure."""

from collections.abc import Iterator, Mapping, Sequence

from aios.naming import ANNOTATION_RETRY
from aios.projects.layout import label_of, stated_labels, stated_plan
from aios.projects.state import RunState, TaskState
from aios.spec.project import Project, TaskSpec
from aios.spec.team import AgentTeam
from aios.spec.vocabulary import OnChange, seconds
from aios.tasks.run_events import (
    AnyRunEvent,
    CancelRequested,
    LimitsChanged,
    Resumed,
    RetryRequested,
    RunStarted,
    Suspended,
)

DELETED = "the project was deleted"
CHANGED = "the project's spec changed and its onChange is Cancel"
CANCELLED = "cancelled: spec.cancel is true"
TIGHTENED = "{} is {} now: no call of the run that thought otherwise may follow"


def build_run_started(project: Project, team: AgentTeam) -> RunStarted:
    """The first record of the run that `project` asks `team` for."""
    spec = project.spec
    return RunStarted(
        run=project.run_id,
        namespace=project.metadata.namespace,
        project=project.metadata.name,
        team=spec.team,
        goal=spec.goal,
        inputs=spec.inputs,
        privacy=spec.privacy,
        tasks=spec.tasks,
        strategy=team.spec.strategy,
        supervisor=team.spec.effective_supervisor,
        members=tuple(member.name for member in team.spec.members),
        max_attempts=team.spec.limits.max_attempts,
        max_in_flight=team.spec.limits.max_in_flight,
        timeout=seconds(spec.timeout),
    )


def steer(state: RunState, project: Project | None, team: AgentTeam | None, now: float) -> tuple[AnyRunEvent, ...]:
    """What `state` does not know yet of what is wished now. `project` None: it was deleted."""
    if state.started is None:
        return ()
    if project is None or project.metadata.deletion_timestamp is not None:
        return () if state.ended or state.cancel else (CancelRequested(at=now, reason=DELETED),)
    retries = (*_retry(state, project, now), *_recreated(state, project, now))
    if state.ended:
        return retries
    current = project.run_id == state.started.run
    return (
        *retries,
        *(_limits(state, project, team, now) if current else ()),
        *_suspend(state, project, now),
        *_cancel(state, project, now, current=current),
    )


def _cancel(state: RunState, project: Project, now: float, *, current: bool) -> tuple[AnyRunEvent, ...]:
    if state.cancel:
        return ()
    if project.spec.cancel:
        return (CancelRequested(at=now, reason=CANCELLED),)
    if tightened := _tightened(state, project):
        return (CancelRequested(at=now, reason=tightened),)
    if not current and project.spec.on_change is OnChange.CANCEL:
        return (CancelRequested(at=now, reason=CHANGED),)
    return ()


def _tightened(state: RunState, project: Project) -> str:
    """Why the data are stricter now than the run takes them for, "" when they are not.

    A task that is done counts as well: its files carry the label that it had, and all tasks after it may read them.
    So do stated tasks of a run that has not begun with them: they may be planned and dispatched in the same turn.
    """
    spec = project.spec
    if state.started and not state.started.privacy.permits(spec.privacy):
        return TIGHTENED.format("the project's data", spec.privacy)
    held = state.tasks if state.planned else {one.name: TaskState(one) for one in stated_plan(state)}
    inherited = stated_labels([task.spec for task in held.values()])
    for wanted in spec.tasks:
        labels = [label_of(state, task).stricter(inherited[task.name]) for task in _held_as(wanted, held, spec.tasks)]
        if wanted.privacy and not all(label.permits(wanted.privacy) for label in labels):
            return TIGHTENED.format(f"the data of task {wanted.name}", wanted.privacy)
    return ""


def _held_as(wanted: TaskSpec, held: Mapping[str, TaskState], now: Sequence[TaskSpec]) -> Iterator[TaskState]:
    """The run's task of that name. Of one that it does not know: those it has under names that are gone, with the
    very same instructions, for a new name makes the data no less strict."""
    if wanted.name in held:
        yield held[wanted.name]
        return
    names = {task.name for task in now}
    for task in held.values():
        if task.name not in names and task.spec.instructions == wanted.instructions:
            yield task


def _suspend(state: RunState, project: Project, now: float) -> tuple[AnyRunEvent, ...]:
    if project.spec.suspend == state.suspended:
        return ()
    return (Suspended(at=now),) if project.spec.suspend else (Resumed(at=now),)


def _limits(state: RunState, project: Project, team: AgentTeam | None, now: float) -> tuple[AnyRunEvent, ...]:
    timeout = seconds(project.spec.timeout)
    attempts = team.spec.limits.max_attempts if team else state.max_attempts
    in_flight = team.spec.limits.max_in_flight if team else state.max_in_flight
    if (timeout, attempts, in_flight) == (state.timeout, state.max_attempts, state.max_in_flight):
        return ()
    return (LimitsChanged(at=now, max_attempts=attempts, max_in_flight=in_flight, timeout=timeout),)


def _retry(state: RunState, project: Project, now: float) -> tuple[AnyRunEvent, ...]:
    """A fresh run answers an old annotation at once, when nothing has failed yet: it never fires later. While a run
    is being stopped there is nothing to repeat yet: it is answered when it has ended."""
    if state.cancel and not state.ended:
        return ()
    token, _, names = project.metadata.annotations.get(ANNOTATION_RETRY, "").partition("=")
    if not token or token in state.tokens:
        return ()
    tasks = tuple(name for part in names.split(",") if (name := part.strip()))
    return (RetryRequested(at=now, tasks=tasks, token=token),)


def _recreated(state: RunState, project: Project, now: float) -> tuple[AnyRunEvent, ...]:
    """A run that was cut off because its Project was deleted goes on for a Project that asks for the same."""
    token = f"recreated:{project.metadata.uid}"
    cut_off = state.ended is not None and state.cancel is not None and state.cancel.reason == DELETED
    if not cut_off or token in state.tokens:
        return ()
    return (RetryRequested(at=now, tasks=(), token=token),)
