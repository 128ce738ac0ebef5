"""The Broker on RabbitMQ 3.10 and later: quorum queues, confirmed publishes, one consumer a free slot."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakKeyDictionary

import aiormq

from aios.adapters.rabbitmq import consuming
from aios.adapters.rabbitmq.connection import HEARTBEAT_SECONDS, RabbitServer
from aios.adapters.rabbitmq.publishing import Publisher
from aios.errors import ServiceUnavailableError, UnroutableError
from aios.ports.broker import Consumer, Message


class RabbitBroker:
    """Broker; see the port for what is promised. Queues are made by `RabbitAdmin`."""

    def __init__(self, url: str, *, heartbeat: int = HEARTBEAT_SECONDS) -> None:
        """`heartbeat` in seconds, unless the URL states one, bounds how long a frozen consumer keeps what it holds."""
        self._sending = RabbitServer(url, purpose="publishing", heartbeat=heartbeat)
        self._receiving = RabbitServer(url, purpose="consuming", heartbeat=heartbeat)
        self._publishers: WeakKeyDictionary[asyncio.AbstractEventLoop, Publisher] = WeakKeyDictionary()
        self._places: set[consuming.Consumer] = set()
        self._refused: set[str] = set()
        """Queues from which we might not read when we last tried."""

    @property
    def redelivery_seconds(self) -> float:
        """The server gives up a silent connection after two heartbeats, and looks once a heartbeat."""
        return 3.0 * self._receiving.heartbeat + 2.0

    async def publish(self, queue: str, message: Message) -> None:
        loop = asyncio.get_running_loop()
        publisher = self._publishers.get(loop)
        if publisher is None:
            publisher = self._publishers[loop] = Publisher(self._sending)
        await publisher.publish(queue, message)

    @asynccontextmanager
    async def consume(self, queue: str) -> AsyncIterator[Consumer]:
        consumer = await self._open(queue)
        self._places.add(consumer)
        try:
            if queue in self._refused:
                # Asking for a queue needs no right, and who enters says that it works again: not before it does.
                await consumer.subscribe()
            yield consumer
        finally:
            self._refused.discard(queue)
            if consumer.refused is not None:
                self._refused.add(queue)
            self._places.discard(consumer)
            await asyncio.shield(consumer.leave())

    async def close(self) -> None:
        """Give back what is held here and end the connections. Who waits to receive gets None."""
        for place in list(self._places):
            await place.leave()
        await self._sending.close()
        await self._receiving.close()

    async def _open(self, queue: str) -> consuming.Consumer:
        channel = await self._receiving.channel()
        try:
            with self._receiving.translated():
                await channel.basic_qos(prefetch_count=1)
                await channel.queue_declare(queue, passive=True)
        except ServiceUnavailableError as error:
            if isinstance(error.__cause__, aiormq.exceptions.ChannelNotFoundEntity):
                raise UnroutableError(
                    f"no queue {queue} at RabbitMQ {self._receiving.address}: is the team whose member it is applied?"
                ) from error
            raise
        return consuming.Consumer(channel, queue, self._receiving.address)
