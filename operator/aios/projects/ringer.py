"""Publishing the engine's bells without the engine waiting for a broker that confirms nothing.

A broker that is short of memory or disk, or has lost the majority of a queue, takes no publish for minutes. Results,
cancellations and other teams' projects are looked at meanwhile; the bells follow as soon as the broker lets them.
"""

import asyncio
import logging

from aios.errors import ServiceUnavailableError, UnroutableError
from aios.ports.broker import Broker, Message

PATIENCE_SECONDS = 1.0
"""How long the engine waits for a confirm. Once one took longer it waits for none until that one is settled."""

_log = logging.getLogger(__name__)


class Ringer:
    """For all runs of one engine."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._under_way: dict[str, asyncio.Task[bool]] = {}
        """By the message's id."""
        self._overdue: set[asyncio.Task[bool]] = set()

    async def ring(self, queue: str, message: Message) -> bool:
        """Whether the bell is confirmed by now. If not it may be later, so ring again: whoever has heard it already is
        not disturbed. A bell that is still under way is not sent a second time."""
        if message.id in self._under_way:
            return False
        task = self._under_way[message.id] = asyncio.create_task(self._publish(queue, message))
        task.add_done_callback(lambda _: self._settle(message.id, task))
        if not self._overdue:
            await asyncio.wait({task}, timeout=PATIENCE_SECONDS)
        if task.done():
            return task.result()
        self._overdue.add(task)
        return False

    async def close(self) -> None:
        """Give up what is under way."""
        tasks = tuple(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _publish(self, queue: str, message: Message) -> bool:
        try:
            await self._broker.publish(queue, message)
        except (UnroutableError, ServiceUnavailableError) as error:
            _log.warning("cannot ring %s for %s/%s yet: %s", queue, message.body["run"], message.body["task"], error)
            return False
        return True

    def _settle(self, message_id: str, task: asyncio.Task[bool]) -> None:
        self._under_way.pop(message_id, None)
        self._overdue.discard(task)
