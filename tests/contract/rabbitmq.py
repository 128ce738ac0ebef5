"""RabbitMQ as the contract suite's broker: both ports in one client, in a vhost of the place's own.

The administration sees queues of ours alone, as others may use the same vhost: the suite's names get our beginning.
"""

import os
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from aios.adapters.rabbitmq.broker import RabbitBroker
from aios.adapters.rabbitmq.layout import OURS
from aios.adapters.rabbitmq.topology import RabbitAdmin
from aios.naming import digest
from aios.ports.broker import Consumer, Message
from tests.servers.rabbitmq import ADMIN_VARIABLE, VARIABLE, made_vhost

HEARTBEAT = 2
"""Short, so that a frozen consumer is noticed within a test."""


class RabbitClient:
    """Broker and BrokerAdmin."""

    def __init__(self, place: Path, delivery_limit: int) -> None:
        admin = os.environ[ADMIN_VARIABLE]
        url = made_vhost(os.environ[VARIABLE], admin, digest(str(place))[:12])
        self._broker = RabbitBroker(url, heartbeat=HEARTBEAT)
        self._admin = RabbitAdmin(url, admin, delivery_limit=delivery_limit)

    @property
    def redelivery_seconds(self) -> float:
        return self._broker.redelivery_seconds

    async def publish(self, queue: str, message: Message) -> None:
        await self._broker.publish(f"{OURS}{queue}", message)

    def consume(self, queue: str) -> AbstractAsyncContextManager[Consumer]:
        return self._broker.consume(f"{OURS}{queue}")

    async def ensure_queue(self, queue: str) -> None:
        await self._admin.ensure_queue(f"{OURS}{queue}")

    async def delete_queue(self, queue: str) -> None:
        await self._admin.delete_queue(f"{OURS}{queue}")

    async def queues(self) -> Mapping[str, int]:
        return {queue.removeprefix(OURS): count for queue, count in (await self._admin.queues()).items()}

    async def dead_letters(self, queue: str) -> tuple[Message, ...]:
        return await self._admin.dead_letters(f"{OURS}{queue}")

    async def close(self) -> None:
        await self._broker.close()
        await self._admin.close()
