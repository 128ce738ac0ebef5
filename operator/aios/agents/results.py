"""What an attempt's record adds up to: its spend and its result. Pure."""

from decimal import Decimal

from aios.agents.tools.contract import middle_cut
from aios.agents.transcript import label, replies
from aios.models.attempt_log import AttemptLog
from aios.spec.vocabulary import Privacy
from aios.tasks.attempt_events import CallFinished
from aios.tasks.result import Outcome, Spend, TaskResult
from aios.tasks.task import TaskKind

MAX_TEXT = 16_384
MAX_MESSAGE = 8_192
MAX_FILES = 1_000
EVERY_STEP = 1_000_000


def spend(log: AttemptLog) -> Spend:
    """What its model calls used; calls in doubt count with their worst case."""
    finished = [event for event in log.events if isinstance(event, CallFinished)]
    usages = [event.reply.usage for event in finished if event.reply is not None]
    doubtful = log.in_doubt()
    return Spend(
        calls=len(usages),
        cached=sum(bool(event.cached) for event in finished),
        in_doubt=len(doubtful) + sum(event.in_doubt for event in finished),
        input_tokens=sum(usage.all_input_tokens for usage in usages),
        output_tokens=sum(usage.output_tokens for usage in usages),
        cost=sum((event.cost for event in finished), Decimal(0)) + sum((c.worst_case for c in doubtful), Decimal(0)),
    )


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
        spend=spend(log),
        seconds=round(seconds, 3),
    )
