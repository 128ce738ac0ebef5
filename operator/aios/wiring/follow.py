"""Reading runs as they happen, from their journals: what `aios up`, `run` and `logs` show is never second-hand."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from aios.errors import ServiceUnavailableError
from aios.parallel import in_parallel
from aios.ports.journal import Journal
from aios.projects.run_tails import RunTails
from aios.tasks.run_events import AnyRunEvent

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
    streams = await journal.streams(prefix)
    return dict(zip(streams, await in_parallel(journal.head, streams), strict=True))


class RunReader:
    """Reads every run once, from its beginning, but for those that had ended before and stay so."""

    def __init__(self, journal: Journal, known: Mapping[str, int], *, prefix: str = RUNS) -> None:
        """`known`: up to where a stream's records are marked old."""
        self._journal, self._known = journal, known
        self._tails = RunTails(journal, prefix, known)

    async def news(self, *, listed_within: float = 0.0) -> AsyncIterator[RunRecord]:
        """What was appended since the last reading. By stream; within a stream in order.

        What one reading leaves out, for example because it was cancelled, the next one gives. A run that began in
        the last `listed_within` seconds may be left to the next one.
        """
        async for stored, event in self._tails.news(listed_within=listed_within):
            old = stored.seq <= self._known.get(stored.stream, 0)
            yield RunRecord(stored.stream.removeprefix(RUNS), stored.seq, stored.at, event, old=old)

    async def follow(self, over: Callable[[], bool] = lambda: False) -> AsyncIterator[RunRecord]:
        """What there is, then what comes, until `over()`; what was there when it became true is still given."""
        while True:
            last, started = over(), time.monotonic()
            try:
                async for record in self.news(listed_within=0.0 if last else PATIENCE):
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
