"""A place at a queue where one call of `receive` is one free slot.

RabbitMQ pushes: it would hand messages to a worker that is busy. So each waiting call has an AMQP consumer of its own
with a prefetch of 1, and a consumer that nobody waits at is cancelled. An acknowledgement would let the server push
the next message, so it is held back for a moment: whoever receives again at once (the usual loop) sends it then, and
its consumer goes on; otherwise the consumer is cancelled first and then the acknowledgement follows.

Nothing of a caller runs inside the library's callbacks: a connection that is lost cancels those.
"""

import asyncio
import logging
import uuid
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass

import aiormq
from aiormq.abc import DeliveredMessage
from aiormq.channel import Channel
from pamqp.commands import Basic

from aios.adapters.rabbitmq.doorbells import from_bytes
from aios.errors import CredentialsRefusedError
from aios.ports.broker import Delivery, Message

log = logging.getLogger(__name__)

HELD_SECONDS = 0.005
"""For how long an acknowledgement waits for the next `receive`."""
GRACE_SECONDS = 0.02
"""For how long a consumer, or a message that came too late for its call, waits for another call."""
_GONE = (aiormq.exceptions.AMQPError, OSError, RuntimeError, asyncio.InvalidStateError)
"""What the library raises on a channel that is closed or closing."""
LEAVE_SECONDS = 5.0
"""A server that does not answer gives back what was held once it notices that the connection is gone."""


@dataclass(slots=True, eq=False)
class _Taken:
    """A message in this process's hand."""

    consumer: str
    tag: int
    message: Message
    redelivered: bool
    dismissed: bool
    """Its consumer was being cancelled while it came: the server will push nothing to it any more."""
    since: float = 0.0
    """When it came too late, or was acknowledged: the loop's clock."""
    settled: bool = False


class Consumer:
    """Consumer; made by `RabbitBroker.consume`, for one event loop."""

    def __init__(self, channel: Channel, queue: str, server: str) -> None:
        """`channel` is this consumer's own, with a prefetch of 1 for each AMQP consumer. `server`: its address."""
        self._channel, self._queue, self._server = channel, queue, server
        self.refused: CredentialsRefusedError | None = None
        """Why the server lets nobody read here who has our rights."""
        self._waiting: deque[asyncio.Future[_Taken | None]] = deque()
        self._armed: dict[str, None] = {}
        """AMQP consumers without a message, oldest first."""
        self._late: deque[_Taken] = deque()
        """Came when nobody waited any more."""
        self._held: deque[_Taken] = deque()
        """Acknowledged by its taker, not to the server yet."""
        self._hands: dict[int, _Taken] = {}
        self._work: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._clock = asyncio.get_running_loop().time
        self._left_at = 0.0
        """When a call last ended."""
        self._over = False
        channel.closing.add_done_callback(self._lost)
        channel.on_consumer_cancel_callbacks.add(self._cancelled_by_server)

    async def receive(self, wait: float | None = None) -> Delivery | None:
        """Raises CredentialsRefusedError when we may not read from the queue."""
        if self._over:
            return self._nothing()
        if self._late:
            return self._hand(self._late.popleft())
        place: asyncio.Future[_Taken | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        self._arm()
        try:
            async with asyncio.timeout(wait):
                taken = await place
        except TimeoutError:
            # It may have come in the very moment in which the time was up.
            taken = place.result() if place.done() and not place.cancelled() else None
        except asyncio.CancelledError:
            self._give_up(place)
            raise
        finally:
            if place in self._waiting:
                self._waiting.remove(place)
            self._left_at = self._clock()
            self._tidy_soon()
        return self._hand(taken) if taken is not None else self._nothing()

    async def subscribe(self) -> None:
        """Have an AMQP consumer, for whoever calls `receive` at once. Raises CredentialsRefusedError."""
        name = uuid.uuid4().hex
        self._armed[name] = None
        await asyncio.wait({self._begin(self._subscribe(name))})
        self._nothing()
        self._left_at = self._clock()
        self._tidy_soon()

    async def leave(self) -> None:
        """Give back at once what it holds, and end the channel."""
        self._end()
        if self._timer is not None:
            self._timer.cancel()
        try:
            async with asyncio.timeout(LEAVE_SECONDS):
                if self._work:
                    await asyncio.wait(set(self._work))
                await self._give_back()
                await self._channel.close()
        except (*_GONE, TimeoutError) as error:
            log.debug("left %s without a word: %s", self._queue, error)  # the server gives back what a dead one held

    async def settle(self, taken: _Taken, *, requeue: bool | None = None) -> None:
        """Acknowledge, or with `requeue` give back or reject. Too late or twice changes nothing."""
        if taken.settled or self._over:
            return
        taken.settled = True
        self._hands.pop(taken.tag, None)
        if requeue is None:
            taken.since = self._clock()
            self._held.append(taken)
            self._arm()
            self._tidy_soon()
        else:
            await self._retire(taken, requeue=requeue)

    def _hand(self, taken: _Taken) -> Delivery:
        self._hands[taken.tag] = taken
        return _Delivery(self, taken)

    def _give_up(self, place: "asyncio.Future[_Taken | None]") -> None:
        """A call that was cancelled has taken nothing, not even what had just come for it."""
        if place.done() and not place.cancelled() and (taken := place.result()) is not None:
            taken.since = self._clock()
            self._late.appendleft(taken)

    def _arm(self) -> None:
        """Have as many consumers without a message as calls that wait."""
        while len(self._armed) < len(self._waiting) and self._held:
            taken = self._held.popleft()
            if not taken.dismissed:
                self._armed[taken.consumer] = None
            self._begin(self._acknowledge(taken))
        for _ in range(len(self._waiting) - len(self._armed)):
            name = uuid.uuid4().hex
            self._armed[name] = None
            self._begin(self._subscribe(name))

    async def _subscribe(self, name: str) -> None:
        await self._channel.basic_consume(self._queue, self._came, consumer_tag=name)

    async def _came(self, delivered: DeliveredMessage) -> None:
        how = delivered.delivery
        assert isinstance(how, Basic.Deliver)  # what comes to a consumer was delivered
        consumer = str(how.consumer_tag)
        taken = _Taken(
            consumer=consumer,
            tag=int(how.delivery_tag or 0),
            message=from_bytes(delivered.body),
            redelivered=bool(how.redelivered),
            dismissed=consumer not in self._armed,
        )
        self._armed.pop(consumer, None)
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(taken)
                return
        taken.since = self._clock()
        self._late.append(taken)
        self._tidy_soon()

    def _tidy_soon(self) -> None:
        spare = len(self._armed) > len(self._waiting)
        if self._timer is None and not self._over and (self._held or self._late or spare):
            self._timer = asyncio.get_running_loop().call_later(HELD_SECONDS, self._tidy)

    def _tidy(self) -> None:
        """Let go of what nobody has waited for long enough."""
        self._timer = None
        if self._over:
            return
        now = self._clock()
        while self._held and now - self._held[0].since >= HELD_SECONDS:
            self._begin(self._retire(self._held.popleft()))
        while self._late and now - self._late[0].since >= GRACE_SECONDS:
            self._begin(self._retire(self._late.popleft(), requeue=True))
        if now - self._left_at >= GRACE_SECONDS:
            for name in list(self._armed)[len(self._waiting) :]:
                del self._armed[name]
                # Waits for the answer: what was already on its way to this consumer still comes to `_came`.
                self._begin(self._unsubscribe(name))
        self._tidy_soon()

    async def _unsubscribe(self, name: str) -> None:
        await self._channel.basic_cancel(name)

    async def _acknowledge(self, taken: _Taken) -> None:
        await self._channel.basic_ack(taken.tag, wait=False)

    async def _retire(self, taken: _Taken, *, requeue: bool | None = None) -> None:
        """Settle, and let its consumer take no other."""
        try:
            await self._channel.basic_cancel(taken.consumer, nowait=True)
            if requeue is None:
                await self._channel.basic_ack(taken.tag, wait=False)
            else:
                await self._channel.basic_nack(taken.tag, requeue=requeue, wait=False)
        except _GONE as error:
            log.info("settled too late, it comes again: %s", error)

    async def _give_back(self) -> None:
        if self._channel.is_closed:
            return
        for taken in self._held:
            await self._channel.basic_ack(taken.tag, wait=False)
        holding = [*self._late, *self._hands.values()]
        for name in (*self._armed, *(taken.consumer for taken in holding), *(taken.consumer for taken in self._held)):
            await self._channel.basic_cancel(name)
        for taken in holding:
            await self._channel.basic_nack(taken.tag, requeue=True)

    def _begin(self, work: Coroutine[None, None, None]) -> "asyncio.Task[None]":
        """In a task of ours: a remote call that is cancelled half way closes the channel."""
        task = asyncio.ensure_future(work)
        self._work.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._work.discard(task)
        error = None if task.cancelled() else task.exception()
        if task.cancelled() or isinstance(error, _GONE):  # nobody but the library cancels it, when the channel is gone
            log.info("the place at %s is lost: %s", self._queue, error)
            self._note_refusal(error)
            self._end()
        elif error is not None:
            raise error

    def _cancelled_by_server(self, _: object) -> None:
        """The queue was deleted, or moved to another node."""
        self._end()

    def _lost(self, closing: "asyncio.Future[object]") -> None:
        self._note_refusal(None if closing.cancelled() else closing.exception())
        self._end()

    def _note_refusal(self, error: BaseException | None) -> None:
        if isinstance(error, aiormq.exceptions.ChannelAccessRefused):
            self.refused = CredentialsRefusedError(
                f"RabbitMQ at {self._server} does not let the user in AIOS_BROKER_URL take messages from the queue "
                f"{self._queue}: give it the right `read` to it ({error})"
            )

    def _nothing(self) -> Delivery | None:
        """What a call comes to that got no message."""
        if self.refused is not None:
            raise self.refused
        return None

    def _end(self) -> None:
        """Nobody waits any more."""
        self._over = True
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)


class _Delivery:
    """Delivery."""

    def __init__(self, consumer: Consumer, taken: _Taken) -> None:
        self._consumer, self._taken = consumer, taken

    @property
    def message(self) -> Message:
        return self._taken.message

    @property
    def redelivered(self) -> bool:
        return self._taken.redelivered

    async def ack(self) -> None:
        await self._consumer.settle(self._taken)

    async def nack(self, *, requeue: bool) -> None:
        await self._consumer.settle(self._taken, requeue=requeue)
