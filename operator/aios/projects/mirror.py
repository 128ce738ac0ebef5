"""`Project.status.run`: a bounded picture of the journal, for people and printer columns. Never read back as truth."""

from aios.projects.run_log import RunLog
from aios.projects.state import RunState, TaskState
from aios.spec.project import RunStatus, TaskStatus
from aios.spec.vocabulary import TaskPhase

LONGEST_LINE = 1_024
MOST_TASKS = 100


def build_run_status(log: RunLog) -> RunStatus:
    """The status that stands for the run as it is now."""
    state = log.state
    return RunStatus(
        id=log.run,
        phase=state.phase,
        sequence=log.seq,
        tasks=tuple(_task(task) for task in list(state.tasks.values())[:MOST_TASKS]),
        calls=state.spend.calls,
        cached=state.spend.cached,
        in_doubt=state.spend.in_doubt,
        tokens=state.spend.input_tokens + state.spend.output_tokens,
        cost=f"{state.spend.cost:f}",
        started_at=log.started_at,
        ended_at=log.ended_at,
        reason=_line(_reason(state)),
    )


def _task(task: TaskState) -> TaskStatus:
    silent = task.phase in {TaskPhase.RUNNING, TaskPhase.READY}  # a route's praise is for `describe`
    return TaskStatus(
        name=task.name,
        phase=task.phase,
        attempt=task.attempt,
        member=task.member,
        model=task.model,
        reason="" if silent else _line(task.reason),
    )


def _reason(state: RunState) -> str:
    if state.ended:
        return state.ended.reason
    waiting = [task for task in state.everything if task.phase is TaskPhase.WAITING]
    return f"{waiting[0].name} waits: {waiting[0].reason}" if waiting else ""


def _line(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= LONGEST_LINE else flat[: LONGEST_LINE - 3] + "..."
