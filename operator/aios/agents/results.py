"""What an attempt's record adds up to: its result. Pure."""

from aios.agents.tools.contract import middle_cut
from aios.agents.transcript import label, replies
from aios.models.attempt_log import AttemptLog
from aios.spec.vocabulary import Privacy
from aios.tasks.result import Outcome, TaskResult
from aios.tasks.spending import spent
from aios.tasks.task import TaskKind

MAX_TEXT = 16_384
MAX_MESSAGE = 8_192
MAX_FILES = 1_000
EVERY_STEP = 1_000_000


def result(
    log: AttemptLog,
    outcome: Outcome,
    message: str = "",
    *,
    kind: TaskKind = TaskKind.WORK,
    privacy: Privacy = Privacy.PUBLIC,
    files: tuple[str, ...] = (),
    commit: str = "",
    seconds: float = 0.0,
) -> TaskResult:
    """The result; `privacy` adds to the label of what the record shows was seen."""
    said = replies(log.events)
    text = said[-1].text if said else ""
    return TaskResult(
        outcome=outcome,
        message=middle_cut(message, MAX_MESSAGE),
        # A plan is parsed: half of one would be worse than a long one.
        text=text if kind is TaskKind.PLAN else middle_cut(text, MAX_TEXT - 100),
        files=files[:MAX_FILES],
        commit=commit,
        privacy=label(log.events, EVERY_STEP).stricter(privacy),
        spend=spent(log.events),
        seconds=round(seconds, 3),
    )
