"""A broker that keeps its promises and nothing more: what is delivered comes twice, late and in another order."""

import contextlib
from collections.abc import AsyncIterator
from random import Random

from aios.ports.broker import Broker, Consumer, Delivery, Message


class UnrulyBroker:
    """Broker. Publishes every message again at a random later publish to the same queue, and shuffles what waits."""

    def __init__(self, inner: Broker, random: Random) -> None:
        self._inner = inner
        self._random = random
        self._echoes: dict[str, list[Message]] = {}
        self.duplicated = 0

    @property
    def redelivery_seconds(self) -> float:
        return self._inner.redelivery_seconds

    async def publish(self, queue: str, message: Message) -> None:
        echoes = self._echoes.setdefault(queue, [])
        await self._inner.publish(queue, message)
        echoes.append(message)
        for echo in [one for one in echoes if self._random.random() < 0.5]:
            echoes.remove(echo)
            self.duplicated += 1
            await self._inner.publish(queue, echo)

    @contextlib.asynccontextmanager
    async def consume(self, queue: str) -> AsyncIterator[Consumer]:
        async with self._inner.consume(queue) as consumer:
            yield _UnrulyConsumer(consumer, self._random)


class _UnrulyConsumer:
    """Consumer that now and then gives back what came first and takes what comes next."""

    def __init__(self, inner: Consumer, random: Random) -> None:
        self._inner = inner
        self._random = random

    async def receive(self, wait: float | None = None) -> Delivery | None:
        first = await self._inner.receive(wait)
        if first is None or first.redelivered or self._random.random() < 0.5:  # to no message often: it would die
            return first
        second = await self._inner.receive(0.1)
        if second is None:
            return first
        await first.nack(requeue=True)
        return second
