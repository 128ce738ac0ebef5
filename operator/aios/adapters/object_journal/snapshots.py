"""Snapshots and what they make superfluous: compaction.

A compacted append is not deleted but emptied. Its key is what refuses a writer that wakes up with an old expectation:
were the key free, that writer's append would succeed at a place long passed, and its number would be used a second
time. The emptied object keeps the append's length, so that the next one is still found, and no data.

The snapshot is written first, by compare-and-swap. Then the appends are emptied, in any order: whoever meets one finds
a snapshot that stands for it. A compaction that was cut off is finished by the next one of the stream: the snapshot
says up to where everything was emptied before it was written.
"""

from dataclasses import dataclass

from aios.adapters.object_journal import batch as form
from aios.adapters.object_journal import stored_form
from aios.adapters.object_journal.batch import Batch
from aios.adapters.object_journal.layout import Layout
from aios.adapters.object_journal.position import Position
from aios.adapters.object_journal.walk import LifeOverError, Walk
from aios.errors import NotFoundError, PreconditionError
from aios.parallel import in_parallel
from aios.ports.journal import Snapshot
from aios.ports.object_store import ObjectStore


@dataclass(frozen=True, slots=True)
class Kept:
    """A snapshot as it is stored. `emptied`: an end of an append; all appends up to there are empty."""

    snapshot: Snapshot
    emptied: int
    etag: str


class _SnapshotBody(stored_form.Body):
    seq: int
    emptied: int
    state: dict[str, object]


class Snapshots:
    """The snapshots of a journal's streams."""

    def __init__(self, objects: ObjectStore, layout: Layout, walk: Walk) -> None:
        self._objects, self._layout, self._walk = objects, layout, walk

    async def find(self, position: Position) -> Kept | None:
        key = self._layout.snapshot(position.stream, position.life)
        try:
            found = await self._objects.get(key)
        except NotFoundError:
            return None
        body = stored_form.from_bytes(_SnapshotBody, key, found.data)
        return Kept(Snapshot(position.stream, body.seq, body.state), body.emptied, found.etag)

    async def compact(self, position: Position, snapshot: Snapshot) -> None:
        """Keep it unless a later one is there; the stream must reach to `snapshot.seq`."""
        while True:
            kept = await self.find(position)
            emptied = await self._empty(position, kept.emptied, kept.snapshot.seq) if kept else 0
            if snapshot.seq <= (kept.snapshot.seq if kept else 0):
                return
            try:
                await self._write(position, Kept(snapshot, emptied, kept.etag if kept else ""))
            except PreconditionError:
                continue  # another compaction, or our own whose reply was lost
            await self._empty(position, emptied, snapshot.seq)
            return

    async def _write(self, position: Position, kept: Kept) -> None:
        """In the place of the one with `kept.etag`; empty: of none."""
        key = self._layout.snapshot(position.stream, position.life)
        data = to_bytes(kept.snapshot, kept.emptied)
        await (self._objects.replace(key, data, kept.etag) if kept.etag else self._objects.create(key, data))

    async def _empty(self, position: Position, start: int, seq: int) -> int:
        """Empty what follows `start` up to `seq`; returns the end of the last append that is wholly empty."""
        batches = await self._walk.batches(position, start, seq)
        await in_parallel(lambda batch: self._without(position, batch, seq), batches)
        return max((batch.last for batch in batches if batch.last <= seq), default=start)

    async def _without(self, position: Position, batch: Batch, seq: int) -> None:
        while (smaller := batch.without(seq)) is not batch:
            key = self._layout.batch(position.stream, position.life, batch.first)
            try:
                await self._objects.replace(key, form.to_bytes(smaller), batch.etag)
                return
            except PreconditionError:
                again = await self._walk.batch(position, batch.first)
                if again is None:
                    raise LifeOverError(key) from None
                batch = again


def to_bytes(snapshot: Snapshot, emptied: int = 0) -> bytes:
    """Raises ValueError or TypeError when the state is no JSON."""
    return stored_form.to_bytes({"seq": snapshot.seq, "emptied": emptied, "state": snapshot.state})
