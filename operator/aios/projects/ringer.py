"""Publishing the engine's bells without the engine waiting for a broker that confirms nothing.

A broker that is short of memory or disk, or has lost the majority of a queue, takes no publish for minutes. Results,
cancellations and other teams' projects are looked at meanwhile; the bells follow as soon as the broker lets them.
"""

import asyncio
import logging

from aios.errors import ServiceUnavailableError, UnroutableError
from aios.ports.broker import Broker, Message

PATIENCE_SECONDS = 1.0
"""How long the engine waits for a confirm, halved for each queue that is behind with one: so a broker that confirms
nothing costs twice this however many queues it has, and one queue that is stuck takes little from the others."""
MOST_LATE = 1_000
"""Late confirms that are remembered. Nobody asks for those whose attempts are over."""

_log = logging.getLogger(__name__)


class Ringer:
    """For all runs of one engine."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._under_way: dict[str, asyncio.Task[bool]] = {}
        """By the message's id."""
        self._overdue: dict[str, str] = {}
        """Of these, the queues of those that were told not to be confirmed yet."""
        self._late: dict[str, None] = {}
        """The ids of those that were confirmed after that, the oldest first. Whoever asks next is told, once: asked
        again after that, it is for another ring."""

    async def ring(self, queue: str, message: Message) -> bool:
        """Whether the bell is confirmed by now. If not it may be later, so ring again: that says so then, and sends
        nothing. Nor is a bell sent a second time that is still under way."""
        if message.id in self._late:
            del self._late[message.id]
            return True
        if message.id not in self._under_way:
            task = self._under_way[message.id] = asyncio.create_task(self._publish(queue, message))
            task.add_done_callback(lambda _: self._settle(message.id, task))
            behind = set(self._overdue.values())
            if queue not in behind:
                await asyncio.wait({task}, timeout=PATIENCE_SECONDS * 0.5 ** len(behind))
            if task.done():
                return task.result()
        self._overdue[message.id] = queue
        return False

    def forget(self, message_id: str) -> None:
        """Somebody came for it: a confirm that is late says nothing of the next ring."""
        self._late.pop(message_id, None)

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
        if self._overdue.pop(message_id, None) is None or task.cancelled():
            return
        if error := task.exception():
            _log.error("a bell could not be rung; it will be rung again", exc_info=error)
        elif task.result():
            self._late[message_id] = None
            if len(self._late) > MOST_LATE:
                del self._late[next(iter(self._late))]
