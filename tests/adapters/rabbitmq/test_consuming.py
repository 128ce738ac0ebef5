"""A place at a queue, against a channel that is played: what only happens when messages and calls cross."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

from aiormq.abc import DeliveredMessage
from aiormq.channel import Channel
from pamqp.commands import Basic
from pamqp.header import ContentHeader

from aios.adapters.rabbitmq.consuming import GRACE_SECONDS, Consumer
from aios.adapters.rabbitmq.doorbells import to_bytes
from aios.ports.broker import Message
from tests.contract.waiting import eventually


class PlayedChannel:
    """What the server knows: which AMQP consumers there are."""

    def __init__(self) -> None:
        self.closing: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.on_consumer_cancel_callbacks: set[Any] = set()
        self.callbacks: dict[str, Callable[[DeliveredMessage], Awaitable[None]]] = {}
        self.consumers: set[str] = set()
        self.acked: list[int] = []
        self.is_closed = False

    async def has(self, consumers: int) -> bool:
        return len(self.consumers) == consumers

    async def basic_consume(
        self, _: str, callback: Callable[[DeliveredMessage], Awaitable[None]], *, consumer_tag: str
    ) -> None:
        self.callbacks[consumer_tag] = callback
        self.consumers.add(consumer_tag)

    async def basic_cancel(self, name: str, *, nowait: bool = False) -> None:
        del nowait
        self.consumers.discard(name)

    async def basic_ack(self, tag: int, *, wait: bool) -> None:
        del wait
        self.acked.append(tag)

    async def deliver(self, consumer: str, tag: int) -> None:
        how = Basic.Deliver(consumer_tag=consumer, delivery_tag=tag, redelivered=False)
        header = ContentHeader()
        body = to_bytes(Message(f"m{tag}", {}))
        await self.callbacks[consumer](
            DeliveredMessage(delivery=how, header=header, body=body, channel=cast("Any", self))
        )


async def test_a_message_that_crosses_the_end_of_its_consumer_leaves_nobody_waiting_for_ever() -> None:
    channel = PlayedChannel()
    place = Consumer(cast("Channel", channel), "q", "here")
    assert await place.receive(0.001) is None
    first = next(iter(channel.consumers))
    await eventually(lambda: channel.has(0))  # nobody waits there any more
    waiting = asyncio.create_task(place.receive())
    await eventually(lambda: channel.has(1))
    await channel.deliver(first, 1)  # it was on its way when its consumer was cancelled
    delivery = await waiting
    assert delivery is not None
    await asyncio.sleep(2 * GRACE_SECONDS)  # the other consumer goes, since nobody waits
    await eventually(lambda: channel.has(0))
    await delivery.ack()
    again = asyncio.create_task(place.receive())
    await eventually(lambda: channel.has(1))
    assert channel.acked == [1]
    await channel.deliver(next(iter(channel.consumers)), 2)
    taken = await asyncio.wait_for(again, 5)
    assert taken is not None
    assert taken.message.id == "m2"
