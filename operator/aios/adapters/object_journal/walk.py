"""Walk: reading a stream's batches from one end of an append to the next.

The key of the next batch follows from the end of the last, so a GET that finds nothing is the tail: readers see no
hole, and no listing is trusted for what is not there. After STEPS single GETs a listing of one thousand, whatever the
stream's length, says what can be fetched side by side.
"""

import math
from collections.abc import Sequence

from aios.adapters.object_journal import batch as form
from aios.adapters.object_journal.batch import Batch
from aios.adapters.object_journal.layout import BLOCK, Layout, first_of
from aios.adapters.object_journal.position import Position
from aios.errors import NotFoundError
from aios.parallel import in_parallel
from aios.ports.object_store import ObjectStore

STEPS = 8


class LifeOverError(Exception):
    """What is known to have been there is not there: the stream was deleted. Never leaves the adapter."""


class Walk:
    """Reads batches; what it sees it writes into the position it is given."""

    def __init__(self, objects: ObjectStore, layout: Layout) -> None:
        self._objects, self._layout = objects, layout

    async def batch(self, position: Position, first: int) -> Batch | None:
        """The append that begins at `first`, which must be the number after an end; None at the stream's end.

        Raises LifeOverError when the stream is known to go on there.
        """
        key = self._layout.batch(position.stream, position.life, first)
        known = position.end  # before the request: another task may append while it is under way
        try:
            found = await self._objects.get(key)
        except NotFoundError:
            if first <= known:
                raise LifeOverError(key) from None
            position.tail_seen = True
            return None
        batch = form.from_bytes(key, first, found.data, found.etag)
        position.learn(batch.last)
        return batch

    async def end(self, position: Position) -> int:
        """The stream's last sequence number."""
        steps = STEPS if position.tail_seen else 0
        while True:
            first = position.end + 1
            listed = await self._listed(position, first) if not steps else ()
            # There are no holes: the last that is listed stands for all before it.
            if await self.batch(position, listed[-1] if listed else first) is None:
                return position.end
            steps = steps - 1 if steps else _steps_after(first, position.end)

    async def holds(self, position: Position, seq: int) -> bool:
        """Whether record `seq`, beyond what is known, is found without walking there: a listing names the append that
        it is in. False proves nothing."""
        begun = [first for first in await self._listed(position, seq, 1) if first <= seq]
        if not begun or begun[-1] - 1 < position.end:
            return False
        position.learn(begun[-1] - 1)  # what comes before an append is there, too
        held = await self.batch(position, begun[-1]) if begun[-1] < seq else None
        return begun[-1] == seq or (held is not None and held.last >= seq)

    async def batches(self, position: Position, start: int, until: int | None) -> Sequence[Batch]:
        """From `start`, an end of an append, to the one that holds `until`, or to the stream's end."""
        walked: list[Batch] = []
        at = start
        reach = min(math.inf if until is None else until, position.end if position.tail_seen else math.inf)
        steps = 0 if reach > start + STEPS else STEPS
        while until is None or at < until:
            listed = await self._listed(position, at + 1) if not steps else ()
            following = await self._following(position, at, [one for one in listed if until is None or one <= until])
            if not following:
                one = await self.batch(position, at + 1)
                if one is None:
                    break
                following = [one]
            walked += following
            steps = steps - 1 if steps else _steps_after(at + 1, walked[-1].last)
            at = walked[-1].last
        return walked

    async def end_before(self, position: Position, seq: int) -> int:
        """The last end of an append that is not beyond `seq`, which must be before the end that is known.

        A listing of the thousand that `seq` is in tells, unless an earlier one is near.
        """
        known = position.end_before(seq)
        thousand = seq + 1
        while seq - known > STEPS and thousand > known:
            listed = [first for first in await self._listed(position, thousand, known + 1) if first <= seq + 1]
            if listed:
                position.learn(listed[-1] - 1)
                return listed[-1] - 1
            thousand = thousand // BLOCK * BLOCK - 1
        return known

    async def _listed(self, position: Position, seq: int, beginning: int | None = None) -> list[int]:
        """Where the appends of the same thousand begin, those from `beginning`, by default from `seq`, on."""
        keys = await self._objects.list(self._layout.block(position.stream, position.life, seq))
        return [first for first in map(first_of, keys) if first >= (seq if beginning is None else beginning)]

    async def _following(self, position: Position, at: int, firsts: Sequence[int]) -> list[Batch]:
        """Those of the listed ones that follow `at` without a gap."""
        following: list[Batch] = []
        for batch in await in_parallel(lambda first: self.batch(position, first), firsts):
            if batch is None:
                raise LifeOverError(self._layout.life(position.stream, position.life))
            if batch.first != at + 1:
                break  # the listing left one out; it is asked for by its key
            following.append(batch)
            at = batch.last
        return following


def _steps_after(first: int, end: int) -> int:
    """Single steps are right after a listing that was not full; a full one is followed by the next."""
    return STEPS if first // BLOCK == (end + 1) // BLOCK else 0
