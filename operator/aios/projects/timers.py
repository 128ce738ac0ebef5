"""When a run wants to be looked at again although nothing rings."""

from aios.projects.state import RunState
from aios.spec.vocabulary import TaskPhase


def next_due(state: RunState) -> float | None:
    """Run time of the earliest journalled timer or of the timeout; None when nothing is ever due by itself."""
    if state.started is None or state.ended or state.cancel:
        return None
    due = [task.due for task in state.everything if task.phase is TaskPhase.BACKOFF and task.due is not None]
    if not state.suspended:
        due.append(state.deadline)
    return min(due, default=None)
