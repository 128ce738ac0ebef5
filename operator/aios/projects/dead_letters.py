"""Doorbells that died: taken often, settled never, until the broker put them aside.

Nothing is lost by it, since messages carry nothing and the sweep rings again; but somebody should hear of it, because
a bell dies only when many workers died with it in their hand. So each becomes a record of its run, then it is dropped.
"""

import logging
from collections.abc import Awaitable, Callable

from aios.cancellation import heed_cancellation
from aios.errors import ServiceUnavailableError
from aios.naming import dead_letter_queue
from aios.ports.broker import Broker, Message

Note = Callable[[str, str, int, str], Awaitable[None]]
"""Journals a death: run, task, attempt, queue. Raises ServiceUnavailableError when it is not in the journal."""

_log = logging.getLogger(__name__)


async def attend(broker: Broker, queue: str, note: Note) -> None:
    """Note what lies in the dead letters of `queue`, and what comes, until cancelled.

    Raises UnroutableError when there is no such queue, ServiceUnavailableError when broker or journal is away: what
    was not noted yet is given back.
    """
    async with broker.consume(dead_letter_queue(queue)) as consumer:
        while True:
            delivery = await consumer.receive()
            if delivery is None:
                raise ServiceUnavailableError("the consumer was closed")
            found = _attempt_of(delivery.message)
            if found is None:
                _log.warning("dropped a dead letter of %s that is no doorbell: %s", queue, delivery.message.id)
            else:
                await note(*found, queue)
            await delivery.ack()
            heed_cancellation()


def _attempt_of(message: Message) -> tuple[str, str, int] | None:
    run, task, attempt = (message.body.get(key) for key in ("run", "task", "attempt"))
    if isinstance(run, str) and isinstance(task, str) and isinstance(attempt, int):
        return run, task, attempt
    return None
