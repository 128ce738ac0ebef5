"""Queues of members and engines, their exchanges and their dead letters: made, counted and removed."""

import logging
from collections.abc import Mapping

import aiormq
from aiormq.channel import Channel
from pamqp.commands import Basic

from aios.adapters.rabbitmq.connection import HEARTBEAT_SECONDS, RabbitServer
from aios.adapters.rabbitmq.doorbells import from_bytes
from aios.adapters.rabbitmq.layout import dead_letter_arguments, exchange_of, is_counted, queue_arguments
from aios.adapters.rabbitmq.management import Management
from aios.errors import ServiceUnavailableError
from aios.naming import dead_letter_queue
from aios.ports.broker import Message

log = logging.getLogger(__name__)

DELIVERY_LIMIT = 50
"""It counts deaths of the infrastructure, a killed worker and a killed broker alike: a backstop, no retry policy."""
MOST = 1_000
"""Dead letters looked at."""
_NOT_OURS = (aiormq.exceptions.ChannelNotFoundEntity, aiormq.exceptions.ChannelLockedResource)


class RabbitAdmin:
    """BrokerAdmin."""

    def __init__(self, url: str, admin_url: str = "", *, delivery_limit: int = DELIVERY_LIMIT) -> None:
        self._server = RabbitServer(url, purpose="administration", heartbeat=HEARTBEAT_SECONDS)
        self._management = Management(url, admin_url)
        self._limit = delivery_limit

    async def ensure_queue(self, queue: str) -> None:
        dead, exchange = dead_letter_queue(queue), exchange_of(queue)
        await self._declare(dead, dead_letter_arguments())
        await self._declare(queue, queue_arguments(queue, self._limit))
        channel = await self._server.channel()
        with self._server.translated():
            # Goes with the last queue that is bound to it.
            await channel.exchange_declare(exchange, exchange_type="topic", durable=True, auto_delete=True)
            await channel.queue_bind(queue, exchange, routing_key=queue)
            await channel.close()

    async def delete_queue(self, queue: str) -> None:
        channel = await self._server.channel()
        with self._server.translated():
            for name in (queue, dead_letter_queue(queue)):
                await channel.queue_delete(name)
            await channel.close()

    async def queues(self) -> Mapping[str, int]:
        listed = await self._management.ask("GET", "queues/{vhost}?columns=name")
        counts: dict[str, int] = {}
        channel: Channel | None = None
        # The counts in the listing are seconds old; a passive declaration tells them as they are.
        for name in sorted(filter(is_counted, (str(one["name"]) for one in listed))):
            channel = channel or await self._server.channel()
            count = await self._count(channel, name)
            if count is None:
                channel = None  # the server closed it with its answer
            else:
                counts[name] = count
        if channel is not None:
            with self._server.translated():
                await channel.close()
        return counts

    async def dead_letters(self, queue: str) -> tuple[Message, ...]:
        channel = await self._server.channel()
        found: list[Message] = []
        with self._server.translated():
            while len(found) < MOST:
                got = await channel.basic_get(dead_letter_queue(queue))
                if isinstance(got.delivery, Basic.GetEmpty):
                    break
                found.append(from_bytes(got.body))
            await channel.close()  # which gives them all back
        return tuple(found)

    async def close(self) -> None:
        """End the connection."""
        await self._server.close()

    async def _declare(self, queue: str, arguments: dict[str, object]) -> None:
        channel = await self._server.channel()
        try:
            with self._server.translated():
                await channel.queue_declare(queue, durable=True, arguments=arguments)  # type: ignore[arg-type]
                await channel.close()
        except ServiceUnavailableError as error:
            if not isinstance(error.__cause__, aiormq.exceptions.ChannelPreconditionFailed):
                raise
            log.warning("queue %s stays as another version, or a person, made it: %s", queue, error)

    async def _count(self, channel: Channel, queue: str) -> int | None:
        """Messages that wait; None when it is gone meanwhile, or another connection's own: no queue that we made."""
        try:
            with self._server.translated():
                declared = await channel.queue_declare(queue, passive=True)
        except ServiceUnavailableError as error:
            if isinstance(error.__cause__, _NOT_OURS):
                return None
            raise
        return int(declared.message_count or 0)
