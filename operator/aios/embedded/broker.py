"""The Broker in one SQLite file, for all processes of a laptop.

Publishing is forced to disk; taking and settling are not, since a settlement that power loss undoes only means a
redelivery, which is allowed anyway. What a process that died held is given back by those that live (`owners`).
"""

import asyncio
import contextlib
import json
import uuid
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from aios.embedded import broker_tables as tables
from aios.embedded.broker_tables import Taken
from aios.embedded.changes import WatchedDatabase
from aios.embedded.owners import Owners
from aios.embedded.pump import Pump
from aios.errors import ServiceUnavailableError
from aios.ports.broker import Consumer, Delivery, Message

BEAT_SECONDS = 1.0
"""How often a process shows that it lives, and looks whether others do."""


class SqliteBroker:
    """Broker and BrokerAdmin; see the port for what is promised.

    `delivery_limit`: deliveries without settlement after which a message goes to the dead letters. `frozen_after`:
    seconds without a life sign after which a process counts as frozen; what it holds is given to others. Someone
    must be consuming for that: nobody else looks.
    """

    def __init__(self, path: Path, *, delivery_limit: int = 50, frozen_after: float = 5.0) -> None:
        self._database = WatchedDatabase(path, tables.SCHEMA)
        self._owners = Owners(path.with_name(f"{path.name}-owners"), frozen_after=frozen_after)
        self._pump = Pump(self._database, self._owners.me)
        self._limit = delivery_limit
        self._frozen_after = frozen_after
        self._tasks: tuple[asyncio.Task[None], ...] = ()
        self._closed = False

    @property
    def redelivery_seconds(self) -> float:
        """Killed: BEAT_SECONDS; frozen: `frozen_after` more; and one second for a busy machine."""
        return self._frozen_after + BEAT_SECONDS + 1.0

    async def publish(self, queue: str, message: Message) -> None:
        body = json.dumps(dict(message.body), ensure_ascii=False, separators=(",", ":"))
        await self._database.write(lambda sqlite: tables.publish(sqlite, queue, message.id, body))

    @contextlib.asynccontextmanager
    async def consume(self, queue: str) -> AsyncIterator[Consumer]:
        await self._database.read(lambda sqlite: tables.require(sqlite, queue))
        self._live()
        consumer = _Consumer(self._database, self._pump, queue, owner=self._owners.me, limit=self._limit)
        try:
            yield consumer
        finally:
            await asyncio.shield(consumer.leave())

    async def ensure_queue(self, queue: str) -> None:
        # Asked for often and there almost always: only what is missing waits for the disk.
        if not await self._database.read(lambda sqlite: tables.exists(sqlite, queue)):
            await self._database.write(lambda sqlite: tables.ensure_queue(sqlite, queue))

    async def delete_queue(self, queue: str) -> None:
        await self._database.write(lambda sqlite: tables.delete_queue(sqlite, queue))

    async def queues(self) -> Mapping[str, int]:
        return await self._database.read(tables.queues)

    async def dead_letters(self, queue: str) -> tuple[Message, ...]:
        return await self._database.read(lambda sqlite: tables.dead_letters(sqlite, queue))

    async def close(self) -> None:
        """Give back what this process holds and close the file. Who waits to receive gets None."""
        if self._closed:
            return
        self._closed = True
        for task in self._tasks:
            task.cancel()
        self._pump.send_away()
        if self._tasks:
            await asyncio.wait(self._tasks)
            me = self._owners.me
            await self._database.write(lambda sqlite: tables.release_owners(sqlite, [me], self._limit), durable=False)
        self._owners.leave()
        await self._database.close()

    def _live(self) -> None:
        """From the first consumer on: show life signs, look after the dead, hand out messages."""
        if not self._tasks:
            self._owners.enter()
            self._tasks = (
                asyncio.create_task(self._pump.run(), name="broker deliveries"),
                asyncio.create_task(self._beat(), name="broker heartbeat"),
            )
            for task in self._tasks:
                task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._pump.fail(error)

    async def _beat(self) -> None:
        # On the loop, not in a thread: a process whose loop no longer turns settles nothing, so it counts as frozen.
        while True:
            with contextlib.suppress(ServiceUnavailableError):  # the next beat looks again
                self._owners.beat()
                await self._give_back_of_the_dead()
            await asyncio.sleep(BEAT_SECONDS)

    async def _give_back_of_the_dead(self) -> None:
        dead = [owner for owner in await self._database.read(tables.owners) if not self._owners.alive(owner)]
        if dead:
            await self._database.write(lambda sqlite: tables.release_owners(sqlite, dead, self._limit), durable=False)


class _Consumer:
    """Consumer."""

    def __init__(self, database: WatchedDatabase, pump: Pump, queue: str, *, owner: str, limit: int) -> None:
        self._database = database
        self._pump = pump
        self._queue = queue
        self._owner = owner
        self._limit = limit
        self._id = uuid.uuid4().hex
        self._left = False

    async def receive(self, wait: float | None = None) -> Delivery | None:
        if self._left or self._database.closed:
            return None
        taken = await self._pump.take(self._queue, self._id, wait)
        return _Delivery(self._database, taken, owner=self._owner, limit=self._limit) if taken else None

    async def leave(self) -> None:
        """Give back all it holds."""
        self._left = True
        self._pump.send_away(self._id)
        if not self._database.closed:
            await self._database.write(
                lambda sqlite: tables.release_consumer(sqlite, self._owner, self._id, self._limit), durable=False
            )


class _Delivery:
    """Delivery."""

    def __init__(self, database: WatchedDatabase, taken: Taken, *, owner: str, limit: int) -> None:
        self._database = database
        self._taken = taken
        self._owner = owner
        self._limit = limit

    @property
    def message(self) -> Message:
        return self._taken.message

    @property
    def redelivered(self) -> bool:
        return self._taken.deliveries > 1

    async def ack(self) -> None:
        if not self._database.closed:
            await self._database.write(lambda sqlite: tables.ack(sqlite, self._owner, self._taken), durable=False)

    async def nack(self, *, requeue: bool) -> None:
        if not self._database.closed:
            limit = self._limit if requeue else 0
            await self._database.write(
                lambda sqlite: tables.nack(sqlite, self._owner, self._taken, limit), durable=False
            )
