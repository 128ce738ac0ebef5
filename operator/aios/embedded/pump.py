"""Handing messages to all who wait for one in this process.

One task takes for everybody in one transaction, so a hundred waiting consumers do not ask a hundred times, and nothing
is taken for a caller who does not wait.
"""

import asyncio
from collections import deque
from collections.abc import Sequence

from aios.embedded import broker_tables as tables
from aios.embedded.broker_tables import Taken
from aios.embedded.changes import WatchedDatabase
from aios.errors import ServiceUnavailableError

LONGEST_WAIT_SECONDS = 5.0
"""How long the pump trusts that it would have been told of a message."""


class _Place:
    """One caller's place in a queue's line."""

    def __init__(self, consumer: str) -> None:
        self.consumer = consumer
        self.hand: asyncio.Future[Taken | None] = asyncio.get_running_loop().create_future()

    def given(self) -> Taken | None:
        """What was put into the hand before its owner turned away."""
        there = self.hand.done() and not self.hand.cancelled() and self.hand.exception() is None
        return self.hand.result() if there else None


class Pump:
    """The lines of one process."""

    def __init__(self, database: WatchedDatabase, owner: str) -> None:
        self._database = database
        self._owner = owner
        self._lines: dict[str, deque[_Place]] = {}
        self._failure: BaseException | None = None
        self._arrived = asyncio.Event()

    async def take(self, queue: str, consumer: str, wait: float | None) -> Taken | None:
        """Stand in the queue's line until a message comes, or `wait` seconds are over, or `send_away`."""
        if self._failure is not None:
            raise self._failure
        place = _Place(consumer)
        line = self._lines.setdefault(queue, deque())
        line.append(place)
        self._arrived.set()
        self._database.nudge()
        try:
            async with asyncio.timeout(wait):
                return await place.hand
        except TimeoutError:
            return place.given()
        except asyncio.CancelledError:
            if late := place.given():
                await asyncio.shield(self._put_back([late]))
            raise
        finally:
            line.remove(place)
            if not line:
                self._lines.pop(queue, None)

    def send_away(self, consumer: str | None = None) -> None:
        """Tell those who wait for a consumer (None: all) that nothing will come."""
        for line in self._lines.values():
            for place in line:
                if consumer in {None, place.consumer} and not place.hand.done():
                    place.hand.set_result(None)

    def fail(self, error: BaseException) -> None:
        """Tell all who wait, now and from now on, why nothing will come: better than to wait for ever."""
        self._failure = error
        for line in self._lines.values():
            for place in line:
                if not place.hand.done():
                    place.hand.set_exception(error)

    async def run(self) -> None:
        """Hand out until cancelled."""
        while True:
            if not self._lines:
                self._arrived.clear()
                await self._arrived.wait()
            seen = self._database.version
            try:
                handed = await self._hand_out()
            except ServiceUnavailableError:
                handed = False  # others hold the file longer than is healthy; who waits goes on waiting
            if not handed:
                await self._database.changed(LONGEST_WAIT_SECONDS, since=seen)

    async def _hand_out(self) -> bool:
        lines = {queue: [place for place in line if not place.hand.done()] for queue, line in self._lines.items()}
        if not await self._database.read(lambda sqlite: tables.waiting(sqlite, lines)):
            return False
        wanted = {queue: [place.consumer for place in line] for queue, line in lines.items()}
        taken = await self._database.write(lambda sqlite: tables.take(sqlite, self._owner, wanted), durable=False)
        late: list[Taken] = []
        for queue, line in lines.items():
            for place, one in zip(line, (one for one in taken if one.queue == queue), strict=False):
                if place.hand.done():
                    late.append(one)
                else:
                    place.hand.set_result(one)
        if late:
            await self._put_back(late)
        return bool(taken)

    async def _put_back(self, taken: Sequence[Taken]) -> None:
        await self._database.write(lambda sqlite: tables.put_back(sqlite, self._owner, taken), durable=False)
