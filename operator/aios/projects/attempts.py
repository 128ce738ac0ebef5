"""What the engine reads from and writes to attempts' streams: the Ended record, which is the result.

The engine writes one thing only, Ended(Cancelled or Withdrawn); appending it fences whoever works on the attempt.
"""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass

from aios.errors import SequenceConflictError
from aios.naming import ENDED_AT, attempt_stream
from aios.ports.journal import Journal, Record
from aios.spec.vocabulary import Privacy
from aios.tasks.attempt_events import (
    ATTEMPT_EVENT,
    AnyAttemptEvent,
    Claimed,
    Ended,
    Inputs,
    ToolDone,
)
from aios.tasks.result import Outcome, TaskResult
from aios.tasks.spending import spent


@dataclass(frozen=True, slots=True)
class Hint:
    """Where whoever rang says that an attempt's Ended record stands. It is believed when it is found there."""

    attempt: int
    seq: int

    @classmethod
    def from_body(cls, body: Mapping[str, str | int]) -> "Hint | None":
        """None when the message does not say."""
        attempt, seq = body.get("attempt"), body.get(ENDED_AT)
        return cls(attempt, seq) if isinstance(attempt, int) and isinstance(seq, int) and seq > 0 else None


class Attempts:
    """Reads each stream once: how far it has read is remembered until the attempt is over."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._read: dict[str, list[AnyAttemptEvent]] = {}

    async def result(self, run: str, task: str, attempt: int, hint: Hint | None = None) -> TaskResult | None:
        """How it ended; None while it has not. With a `hint` that is right, one record is read and not the stream."""
        stream = attempt_stream(run, task, attempt)
        if hint is not None and hint.attempt == attempt:
            for stored in await self._journal.read(stream, hint.seq - 1, 1):
                event = ATTEMPT_EVENT.validate_python(stored.data)
                if isinstance(event, Ended):
                    return event.result
        seen = self._read.setdefault(stream, [])
        for stored in await self._journal.read(stream, after=len(seen)):
            seen.append(ATTEMPT_EVENT.validate_python(stored.data))
        return next((event.result for event in seen if isinstance(event, Ended)), None)

    def claimed(self, run: str, task: str, attempt: int) -> bool:
        """Whether somebody had it when it was last read who was not told to stop: for all that is known he works."""
        claims = [
            event for event in self._read.get(attempt_stream(run, task, attempt), ()) if isinstance(event, Claimed)
        ]
        last = {claim.yielded for claim in claims if claim.epoch == claims[-1].epoch}
        return bool(claims) and True not in last

    async def cancel(self, run: str, task: str, attempt: int, reason: str) -> TaskResult:
        """End it as Cancelled, unless it ended by itself before: then that is its result. Raises SequenceConflictError
        when its stream was deleted meanwhile: somebody forgets the run."""
        stream = attempt_stream(run, task, attempt)
        while True:
            ended = await self.result(run, task, attempt)
            if ended is not None:
                return ended
            try:
                return await self._end(stream, Outcome.CANCELLED, reason)
            except SequenceConflictError:
                if await self._journal.head(stream) < len(self._read[stream]):
                    self.release(run, task, attempt)
                    raise
                # Its worker was quicker by a record: read that, then try again.

    async def withdraw(self, run: str, task: str, attempt: int, reason: str) -> None:
        """End it as Withdrawn, unless it has ended or somebody is writing: then there is somebody after all."""
        if await self.result(run, task, attempt) is None:
            with contextlib.suppress(SequenceConflictError):
                await self._end(attempt_stream(run, task, attempt), Outcome.WITHDRAWN, reason)

    async def _end(self, stream: str, outcome: Outcome, reason: str) -> TaskResult:
        """Append the end after what was read. Raises SequenceConflictError when there is more."""
        seen = self._read[stream]
        result = _unfinished(seen, outcome, reason)
        record = Record(Ended(result=result).model_dump(mode="json", by_alias=True))
        await self._journal.append(stream, len(seen), [record])
        return result

    def release(self, run: str, task: str, attempt: int) -> None:
        """Forget what was read; the result has been journalled."""
        self._read.pop(attempt_stream(run, task, attempt), None)


def _unfinished(events: list[AnyAttemptEvent], outcome: Outcome, reason: str) -> TaskResult:
    label = Privacy.PUBLIC
    for event in events:
        if isinstance(event, Inputs | ToolDone):
            label = label.stricter(event.privacy)
    return TaskResult(outcome=outcome, message=reason, privacy=label, spend=spent(events))
