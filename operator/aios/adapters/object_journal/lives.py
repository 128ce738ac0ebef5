"""Lives: a stream from its first append to its deletion, and how a process notices that a life is over.

Every call works in the life that the process remembers and looks into the index at most every LIFE_SECONDS, after a
write every WRITTEN_SECONDS. So a process may act on a deleted stream for that long; what it writes then lies where no
other life looks, and is removed when it notices. A process that was frozen for longer looks first thing after its next
write.
"""

import math
from collections.abc import Awaitable, Callable
from typing import TypeVar

from aios.adapters.object_journal.index import Entry, Index
from aios.adapters.object_journal.layout import Layout
from aios.adapters.object_journal.position import LIFE_SECONDS, NEAR, WRITTEN_SECONDS, Position, Positions
from aios.adapters.object_journal.walk import LifeOverError, Walk
from aios.errors import PreconditionError, ServiceUnavailableError
from aios.parallel import in_parallel
from aios.ports.clock import Clock
from aios.ports.object_store import ObjectStore

T = TypeVar("T")

TRIES = 8
DELETION_SECONDS = 30.0
"""After which nobody is believed to be still deleting."""


Erase = Callable[[str], Awaitable[None]]


class Lives:
    """Finds, begins and ends the lives of streams."""

    def __init__(
        self, objects: ObjectStore, layout: Layout, walk: Walk, clock: Clock, erase: Erase | None = None
    ) -> None:
        """`erase` removes all objects that start with a prefix, more thoroughly than one by one."""
        self._erase = erase
        self._objects, self._layout, self._walk, self._clock = objects, layout, walk, clock
        self.index = Index(objects, layout)
        self._positions = Positions()
        self._ending: dict[str, float] = {}
        """When lives that are being deleted were first met."""

    async def within(
        self, stream: str, work: Callable[[Position], Awaitable[T]], *, begin: bool = False, writes: bool = False
    ) -> T | None:
        """What `work` answers in the stream's life; None when it has none, and `begin` does not ask to make one."""
        for _ in range(TRIES):
            position = await (self._begin(stream) if begin else self._find(stream))
            if position is None:
                if begin:
                    continue
                return None
            try:
                answer = await work(position)
            except LifeOverError as error:
                if await self._lasts(position):
                    raise ServiceUnavailableError(
                        f"object {error} should be in the store and is not, though its stream {stream} was not "
                        "deleted: is the store whole? restore the object from a backup, or delete the project"
                    ) from None
                continue
            if not self._due(position, writes) or await self._lasts(position):
                return answer
            if writes:
                await self._remove_objects(position.stream, position.life)
        raise ServiceUnavailableError(f"{stream} is being deleted and begun again all the time; try later")

    async def end(self, stream: str) -> None:
        """Remove the stream with all its objects, the index entry last: a deletion that was cut off is found."""
        for _ in range(TRIES):
            entry = await self.index.find(stream)
            if entry is None:
                self._positions.drop(stream)
                return
            if entry.ended is not None:
                await self._finish(stream, entry)
                return
            try:
                seq = await self._walk.end(self._keep(stream, entry))
                await self.index.end(stream, entry, seq)
            except (PreconditionError, LifeOverError):
                continue
        raise ServiceUnavailableError(f"{stream} could not be deleted: its index entry changes all the time; try later")

    async def _find(self, stream: str) -> Position | None:
        position = self._positions.get(stream)
        if position is not None:
            return position
        entry = await self.index.find(stream)
        return None if entry is None or entry.ended is not None else self._keep(stream, entry)

    async def _begin(self, stream: str) -> Position | None:
        """What expects an empty stream asks the index in any case: nothing is begun in a life that is over."""
        entry = await self.index.find_or_create(stream)
        if entry is None:
            return None
        if entry.ended is not None:
            await self._wait_for_end(stream, entry)
            return None
        position = self._keep(stream, entry)
        if not entry.new:
            # A deletion that is under way frees the first key before the index entry goes: look again afterwards.
            position.checked = -math.inf
        return position

    def _keep(self, stream: str, entry: Entry) -> Position:
        checked = self._clock.monotonic()
        return self._positions.keep(Position(stream, entry.life, near_end=entry.near_end, checked=checked))

    def _due(self, position: Position, writes: bool) -> bool:
        """A write sooner: it may be the last one, and what it holds would stay after its project was deleted."""
        lasts = WRITTEN_SECONDS if writes else LIFE_SECONDS
        return position.appended >= NEAR or self._clock.monotonic() - position.checked > lasts

    async def _lasts(self, position: Position) -> bool:
        """Look into the index; tell it where the stream ends when we have appended much."""
        looked = self._clock.monotonic()
        entry = await self.index.find(position.stream)
        if entry is None or entry.life != position.life or entry.ended is not None:
            self._positions.drop(position.stream, position.life)
            return False
        position.checked = looked
        if position.appended >= NEAR:
            position.appended = 0
            try:
                await self.index.move(position.stream, entry, max(entry.near_end, position.end))
            except PreconditionError:
                return True  # another writer told it, or the stream is being deleted: the next look will see
        return True

    async def _wait_for_end(self, stream: str, entry: Entry) -> None:
        """Finish a deletion that another process seems to have been killed in; before that, refuse.

        To help at once would be wrong: the one who deletes could remove the index entry of the life begun meanwhile.
        """
        now = self._clock.monotonic()
        if now - self._ending.setdefault(entry.life, now) > DELETION_SECONDS:
            await self._finish(stream, entry)
            return
        raise ServiceUnavailableError(f"{stream} is being deleted; it can begin anew when that is done")

    async def _finish(self, stream: str, entry: Entry) -> None:
        self._positions.drop(stream, entry.life)
        self._ending.pop(entry.life, None)
        await self._remove_objects(stream, entry.life)
        await self.index.remove(stream, entry.life)

    async def _remove_objects(self, stream: str, life: str) -> None:
        """Only those of one life that is over: another may have begun."""
        prefix = self._layout.life(stream, life)
        if self._erase is not None:
            await self._erase(prefix)
            return
        await in_parallel(self._objects.delete, await self._objects.list(prefix))
