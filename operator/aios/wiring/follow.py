"""Reading runs as they happen, from their journals: what `aios up`, `run` and `logs` show is never second-hand."""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from aios.errors import CompactedError
from aios.naming import run_stream
from aios.ports.journal import Journal
from aios.tasks.run_events import RUN_EVENT, AnyRunEvent

RUNS = "runs/"
PATIENCE = 1.0
"""Seconds after which the streams are looked at even if nobody said that something changed."""


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One event of a run, with where and (for people) when it stands in its journal."""

    run: str
    seq: int
    at: datetime
    event: AnyRunEvent
    old: bool = False
    """Whether it was there before anybody began to follow: context, no news."""


async def positions(journal: Journal, prefix: str = RUNS) -> dict[str, int]:
    """Where every stream ends now: to follow from here on."""
    return {head.stream: head.seq for head in await journal.streams(prefix)}


async def news(journal: Journal, read: dict[str, int], prefix: str = RUNS) -> list[RunRecord]:
    """What was appended since `read`, which is moved forward. By stream; within a stream in order."""
    found: list[RunRecord] = []
    for head in await journal.streams(prefix):
        after = read.get(head.stream, 0)
        if head.seq <= after:
            continue
        try:
            records = await journal.read(head.stream, after)
        except CompactedError as error:
            # What was compacted is over and done; the reader of news goes on with what came after.
            read[head.stream] = error.snapshot
            continue
        for one in records:
            event = RUN_EVENT.validate_python(one.data)
            found.append(RunRecord(head.stream.removeprefix(RUNS), one.seq, one.at, event))
            read[head.stream] = one.seq
    return found


async def follow(
    journal: Journal, known: Mapping[str, int], *, prefix: str = RUNS, done: Callable[[], bool] = lambda: False
) -> AsyncIterator[RunRecord]:
    """Every run from its beginning (marked old up to `known`), then what comes, until `done()`; what was there when
    it became true is still given."""
    read: dict[str, int] = {}
    while True:
        last = done()
        for record in await news(journal, read, prefix):
            yield replace(record, old=record.seq <= known.get(run_stream(record.run), 0))
        if last:
            return
        await journal.changed(PATIENCE)
