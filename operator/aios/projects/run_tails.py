"""Reading on in many runs at once, so that a look costs the same after a thousand runs as after ten.

Runs that go on are read at every look. Those that have ended take turns, a few at a look: nothing but a retry adds to
them. What had ended before anybody looked is not read at all until something is added to it; then it is read whole.
"""

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from itertools import islice

from aios.errors import CompactedError
from aios.parallel import WIDTH, in_parallel
from aios.ports.journal import Journal, Stored
from aios.tasks.run_events import RUN_EVENT, AnyRunEvent, RunEnded

ENDED_AT_A_LOOK = 8


class RunTails:
    """The runs whose streams start with a prefix. What one reading leaves out, for example because it was cancelled,
    the next one gives."""

    def __init__(self, journal: Journal, prefix: str, known: Mapping[str, int] | None = None) -> None:
        """`known`: where streams ended when nobody was interested yet. They are read whole once they go on."""
        self._journal, self._prefix = journal, prefix
        self._read = {stream: seq - 1 for stream, seq in (known or {}).items() if seq}
        self._skipped = set(self._read)
        self._going: dict[str, None] = {}
        self._ended: dict[str, None] = {}
        """In the order in which they take turns."""
        self._listed: float | None = None

    @property
    def streams(self) -> frozenset[str]:
        """Those that were there when they were listed last."""
        return frozenset({*self._going, *self._ended})

    async def news(self, *, listed_within: float = 0.0) -> AsyncIterator[tuple[Stored, AnyRunEvent]]:
        """What was appended since the last reading; by stream, within a stream in order.

        While any run goes on, only those are looked at when the last listing is not older than `listed_within` seconds.
        """
        turn = await self._list(listed_within)
        looked_at = sorted((*self._going, *turn))
        for at in range(0, len(looked_at), WIDTH):
            for records in await in_parallel(self._tail, looked_at[at : at + WIDTH]):
                for stored in records:
                    event = RUN_EVENT.validate_python(stored.data)
                    self._took(stored, event)
                    yield stored, event

    async def _list(self, within: float) -> Sequence[str]:
        """See which runs there are; returns the ended ones whose turn it is."""
        now = time.monotonic()
        if self._going and self._listed is not None and now - self._listed < within:
            return ()
        there = dict.fromkeys(await self._journal.streams(self._prefix))
        self._listed = now
        self._ended = {stream: None for stream in self._ended if stream in there}
        self._going = {stream: None for stream in there if stream not in self._ended}
        self._read = {stream: seq for stream, seq in self._read.items() if stream in there}
        turn = tuple(islice(self._ended, ENDED_AT_A_LOOK))
        for stream in turn:
            self._ended[stream] = self._ended.pop(stream)
        return turn

    async def _tail(self, stream: str) -> Sequence[Stored]:
        try:
            records = await self._news_of(stream)
            return await self._awoken(stream, records) if records and stream in self._skipped else records
        except CompactedError as error:
            # What was compacted is over and done; whoever wants news goes on with what came after.
            self._read[stream] = error.snapshot
            return ()

    async def _news_of(self, stream: str) -> Sequence[Stored]:
        after = self._read.get(stream, 0)
        records = () if after and stream in self._ended else await self._journal.read(stream, after)
        if records or not after:
            return records
        head = await self._journal.head(stream)
        if head == after:
            return ()
        # A stream that is shorter than it was has been deleted, and begun anew under its name.
        return await self._journal.read(stream, after if head > after else 0)

    async def _awoken(self, stream: str, tail: Sequence[Stored]) -> Sequence[Stored]:
        """Everything, unless `tail` is just the end that was there before."""
        if len(tail) == 1 and isinstance(RUN_EVENT.validate_python(tail[0].data), RunEnded):
            self._read[stream] = tail[0].seq
            self._rest(stream)
            return ()
        self._skipped.discard(stream)
        self._read[stream] = 0
        return await self._journal.read(stream)

    def _took(self, stored: Stored, event: AnyRunEvent) -> None:
        self._read[stored.stream] = stored.seq
        if isinstance(event, RunEnded):
            self._rest(stored.stream)
        else:
            self._ended.pop(stored.stream, None)
            self._going[stored.stream] = None

    def _rest(self, stream: str) -> None:
        self._going.pop(stream, None)
        self._ended[stream] = None
