"""Reading runs as they happen, from their journals: what `aios up`, `run` and `logs` show is never second-hand."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from aios.errors import CompactedError, ServiceUnavailableError
from aios.ports.journal import Journal
from aios.tasks.run_events import RUN_EVENT, AnyRunEvent

log = logging.getLogger(__name__)

RUNS = "runs/"
PATIENCE = 1.0
"""Seconds after which the streams are looked at even if nobody said that something changed."""
PAUSE = 0.05
LONGEST_PAUSE = 2.0
"""A look that a frozen service held up says nothing about the next one."""
"""Between two looks: in a busy journal every append is a change, and nobody reads that fast."""


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


class RunReader:
    """Reads every run once, from its beginning. What one reading leaves out, for example because it was cancelled,
    the next one gives."""

    def __init__(self, journal: Journal, known: Mapping[str, int], *, prefix: str = RUNS) -> None:
        """`known`: up to where a stream's records are marked old."""
        self._journal, self._known, self._prefix = journal, known, prefix
        self._read: dict[str, int] = {}

    async def news(self) -> AsyncIterator[RunRecord]:
        """What was appended since the last reading. By stream; within a stream in order."""
        for head in await self._journal.streams(self._prefix):
            after = self._read.get(head.stream, 0)
            if head.seq <= after:
                continue
            try:
                records = await self._journal.read(head.stream, after)
            except CompactedError as error:
                # What was compacted is over and done; the reader of news goes on with what came after.
                self._read[head.stream] = error.snapshot
                continue
            for one in records:
                self._read[head.stream] = one.seq
                event = RUN_EVENT.validate_python(one.data)
                old = one.seq <= self._known.get(head.stream, 0)
                yield RunRecord(head.stream.removeprefix(RUNS), one.seq, one.at, event, old=old)

    async def follow(self, over: Callable[[], bool] = lambda: False) -> AsyncIterator[RunRecord]:
        """What there is, then what comes, until `over()`; what was there when it became true is still given."""
        while True:
            last, started = over(), time.monotonic()
            try:
                async for record in self.news():
                    yield record
                if last:
                    return
                look = time.monotonic() - started
                await self._journal.changed(PATIENCE)
                # A journal that is far away, or long, is looked at less often.
                await asyncio.sleep(min(max(PAUSE, 2 * look), LONGEST_PAUSE))
            except ServiceUnavailableError as error:
                log.info("reading what happens again: %s", error)
                await asyncio.sleep(PATIENCE)
