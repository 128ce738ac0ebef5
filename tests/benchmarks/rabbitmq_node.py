"""A RabbitMQ node for a benchmark's contestants: started once, and asked how many messages wait in a queue."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import aiormq

from aios.adapters.rabbitmq.topology import RabbitAdmin
from tests.benchmarks.figures import UnavailableError
from tests.servers.availability import ServerUnavailableError
from tests.servers.rabbitmq import RabbitProcess

QUEUE = "aios.bench.team.member"
"""Ours; its exchange, its bounds and its dead letters are those of a member's queue."""


@dataclass(frozen=True, slots=True)
class Node:
    """A running node."""

    url: str
    admin_url: str

    def fresh(self, queue: str, *, ours: bool) -> None:
        """Without messages of an earlier run: ours is made, the others' own programs declare theirs."""
        asyncio.run(self._fresh(queue, ours=ours))

    def depth(self, queue: str) -> int:
        """Messages that wait, and no worker holds. Raises aiormq's error when there is no such queue."""
        return asyncio.run(self._depth(queue))

    async def _fresh(self, queue: str, *, ours: bool) -> None:
        admin = RabbitAdmin(self.url, self.admin_url)
        await admin.delete_queue(queue)
        if ours:
            await admin.ensure_queue(queue)
        await admin.close()

    async def _depth(self, queue: str) -> int:
        connection = await aiormq.connect(self.url)
        channel = await connection.channel()
        declared = await channel.queue_declare(queue, passive=True)
        await connection.close()
        return int(declared.message_count or 0)


@contextmanager
def rabbitmq_node(folder: Path) -> Iterator[Node]:
    """Raises UnavailableError when RabbitMQ is not installed."""
    try:
        server = RabbitProcess(folder)
    except ServerUnavailableError as error:
        raise UnavailableError(str(error)) from error
    try:
        yield Node(server.url, server.admin_url)
    finally:
        server.stop(within_seconds=1.0)
