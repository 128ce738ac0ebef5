"""What an attempt's calls used, by its record. Pure."""

from collections.abc import Iterable
from decimal import Decimal

from aios.tasks.attempt_events import AnyAttemptEvent, CallFinished, CallStarted, Usage
from aios.tasks.result import Spend


def spent(events: Iterable[AnyAttemptEvent]) -> Spend:
    """The sum; a call without an answer counts as in doubt, at its worst case."""
    unanswered: dict[tuple[int, int], Decimal] = {}
    total = Spend()
    for event in events:
        if isinstance(event, CallStarted):
            unanswered[event.step, event.number] = event.worst_case
        elif isinstance(event, CallFinished):
            unanswered.pop((event.step, event.number), None)
            total += _of(event)
    return total + Spend(in_doubt=len(unanswered), cost=sum(unanswered.values(), Decimal(0)))


def _of(finished: CallFinished) -> Spend:
    usage = finished.unusable if finished.reply is None else finished.reply.usage
    used = usage or Usage()
    return Spend(
        calls=1 if usage is not None else 0,
        cached=1 if finished.cached else 0,
        in_doubt=1 if finished.in_doubt else 0,
        input_tokens=used.all_input_tokens,
        output_tokens=used.output_tokens,
        cost=finished.cost,
    )
