"""The Journal on any object store: one create-only object an append, at the key of its first sequence number.

Of concurrent appends that expect the same sequence exactly one creates that key. An append is tried only after a true
end of an append was seen: this process made or read the one before it, and what is there never changes its length. So
there are no holes, no part of an append, and no second use of a number: not by a writer that wakes up late, and not
after compaction, which empties objects and never frees a key (see `snapshots`).

It needs no server of its own, no lock and no clock. Costs, in requests: an append is one create (a stream's first is
two), a look at a tail one GET; listing the streams is one request a thousand, whatever they hold.
"""

from collections.abc import Awaitable, Callable, Sequence

from aios.adapters.object_journal import batch as form
from aios.adapters.object_journal.batch import Batch, new_batch
from aios.adapters.object_journal.layout import Layout
from aios.adapters.object_journal.lives import Erase, Lives
from aios.adapters.object_journal.news import Doorbell, News
from aios.adapters.object_journal.position import Position
from aios.adapters.object_journal.snapshots import Snapshots, to_bytes
from aios.adapters.object_journal.walk import LifeOverError, Walk
from aios.errors import CompactedError, PreconditionError, SequenceConflictError
from aios.ports.clock import Clock, SystemClock
from aios.ports.journal import Record, Snapshot, Stored
from aios.ports.object_store import ObjectStore

PREFIX = "journal"
"""What all keys of a journal start with, unless another one is stated."""


class ObjectJournal:
    """Journal; see the port for what is promised.

    `close` is called by `close`: for whoever opened the store for this journal only. `erase` removes all that starts
    with a prefix, so that nothing is left of a deleted stream in a store that keeps old versions. Names of streams that
    make keys longer than stores allow are refused with ValueError; an object that no journal wrote, with
    EnvironmentProblemError.
    """

    def __init__(
        self,
        objects: ObjectStore,
        prefix: str = PREFIX,
        *,
        clock: Clock | None = None,
        doorbell: Doorbell | None = None,
        close: Callable[[], Awaitable[None]] | None = None,
        erase: Erase | None = None,
    ) -> None:
        layout = Layout(prefix)
        self._objects, self._layout, self._close = objects, layout, close
        self._clock = clock or SystemClock()
        self._walk = Walk(objects, layout)
        self._lives = Lives(objects, layout, self._walk, self._clock, erase)
        self._snapshots = Snapshots(objects, layout, self._walk)
        self._news = News(doorbell)

    async def append(self, stream: str, expected_seq: int, records: Sequence[Record]) -> int:
        if not records or expected_seq < 0:
            head = await self.head(stream)
            if head != expected_seq:
                raise SequenceConflictError(stream, expected_seq, head)
            return head
        batch = new_batch(expected_seq + 1, records, self._clock.now())
        data = form.to_bytes(batch)
        last = await self._lives.within(
            stream, lambda position: self._append(position, batch, data), begin=expected_seq == 0, writes=True
        )
        if last is None:
            raise SequenceConflictError(stream, expected_seq, 0)
        self._news.appended()
        return last

    async def read(self, stream: str, after: int = 0, limit: int | None = None) -> Sequence[Stored]:
        if limit is not None and limit <= 0:
            return ()
        until = None if limit is None else max(0, after) + limit
        found = await self._lives.within(stream, lambda position: self._read(position, max(0, after), until))
        return found or ()

    async def head(self, stream: str) -> int:
        return await self._lives.within(stream, self._walk.end) or 0

    async def streams(self, prefix: str = "") -> Sequence[str]:
        """A stream whose deletion was cut off is listed, so that it is found and deleted again; it reads as empty."""
        return await self._lives.index.streams(prefix)

    async def snapshot(self, stream: str) -> Snapshot | None:
        kept = await self._lives.within(stream, self._snapshots.find)
        return kept.snapshot if kept else None

    async def compact(self, snapshot: Snapshot) -> None:
        to_bytes(snapshot)  # what is no JSON is refused before anything is asked
        end = await self._lives.within(snapshot.stream, lambda position: self._compact(position, snapshot)) or 0
        if snapshot.seq > end or end == 0:
            raise ValueError(f"a snapshot of {snapshot.stream} at {snapshot.seq} is beyond its end, {end}")

    async def delete(self, stream: str) -> None:
        await self._lives.end(stream)

    async def changed(self, wait: float) -> None:
        await self._news.changed(wait)

    async def close(self) -> None:
        """Give up what nobody waits for."""
        await self._news.close()
        if self._close is not None:
            await self._close()

    async def _append(self, position: Position, batch: Batch, data: bytes) -> int:
        expected = batch.first - 1
        if expected > position.end:
            await self._walk.end(position)
        if expected == position.end:
            try:
                await self._objects.create(self._layout.batch(position.stream, position.life, batch.first), data)
            except PreconditionError:
                pass  # somebody else's, or our own whose reply was lost: read back
            else:
                position.learn(batch.last)
                position.appended += 1
                return batch.last
        elif expected > position.end:
            raise SequenceConflictError(position.stream, expected, position.end)
        if await self._is_there(position, batch):
            return batch.last
        raise SequenceConflictError(position.stream, expected, await self._walk.end(position))

    async def _is_there(self, position: Position, batch: Batch) -> bool:
        """Whether the records after `expected` are those of `batch`, though they may be compacted by now."""
        there = await self._walk.batches(position, await self._start(position, batch.first - 1), batch.last)
        if not there:
            raise LifeOverError(self._layout.batch(position.stream, position.life, batch.first))
        if (there[0].first, there[0].length) == (batch.first, batch.length):
            return there[0].fingerprint == batch.fingerprint
        ids = {stored.seq: stored.id for one in there for stored in one.stored(position.stream)}
        return [ids.get(stored.seq) for stored in batch.stored("")] == [record.id for record in batch.kept]

    async def _read(self, position: Position, after: int, until: int | None) -> Sequence[Stored]:
        if not await self._reaches(position, after):
            return ()
        batches = await self._walk.batches(position, await self._start(position, after), until)
        if any(one.gone > after and one.gone >= one.first for one in batches):
            kept = await self._snapshots.find(position)
            if kept is None:
                raise LifeOverError(self._layout.snapshot(position.stream, position.life))
            raise CompactedError(position.stream, after, kept.snapshot.seq)
        records = [stored for one in batches for stored in one.stored(position.stream)]
        return tuple(one for one in records if one.seq > after and (until is None or one.seq <= until))

    async def _reaches(self, position: Position, seq: int) -> bool:
        """Whether the stream has so many records, asked where that is not known."""
        return seq <= position.end or await self._walk.holds(position, seq + 1) or seq <= await self._walk.end(position)

    async def _start(self, position: Position, seq: int) -> int:
        """An end of an append at or not far before `seq`."""
        return seq if seq == position.end else await self._walk.end_before(position, seq)

    async def _compact(self, position: Position, snapshot: Snapshot) -> int:
        """The stream's end as far as it had to be known."""
        if position.end < snapshot.seq or not position.end:
            await self._walk.end(position)
        if snapshot.seq <= position.end:
            await self._snapshots.compact(position, snapshot)
        return position.end
