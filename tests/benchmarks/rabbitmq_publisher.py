"""A process that publishes 1 KB persistent messages to a quorum queue and awaits their confirms.

`python -m tests.benchmarks.rabbitmq_publisher WHO COUNT IN_FLIGHT`, BROKER being the node's URL: prints one JSON line,
how many a second and the CPU of one. COUNT includes those that open the connections and are not timed: one, or one a
thread, for WHO without an event loop publishes from threads.
"""

import asyncio
import json
import os
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from tests.benchmarks.rabbitmq_node import QUEUE
from tests.benchmarks.rabbitmq_payload import BODY, TEXT

URL = os.environ.get("BROKER", "")
Publish = Callable[[int], Awaitable[None]]
"""Publish message number n; returns when it is confirmed."""


@asynccontextmanager
async def ours() -> AsyncIterator[Publish]:
    from aios.adapters.rabbitmq.broker import RabbitBroker
    from aios.ports.broker import Message

    broker = RabbitBroker(URL)
    yield lambda number: broker.publish(QUEUE, Message(f"work:{number}", BODY))
    await broker.close()


@asynccontextmanager
async def aio_pika() -> AsyncIterator[Publish]:
    """As bare as it may be with the same promise: persistent, mandatory, confirmed, and an error when returned."""
    import aio_pika

    data = json.dumps(BODY).encode()
    connection = await aio_pika.connect(URL)
    channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
    await channel.declare_queue("bench-aio-pika", durable=True, arguments={"x-queue-type": "quorum"})

    async def publish(number: int) -> None:
        message = aio_pika.Message(data, delivery_mode=2, message_id=str(number))
        await channel.default_exchange.publish(message, "bench-aio-pika", mandatory=True)

    yield publish
    await connection.close()


@asynccontextmanager
async def taskiq() -> AsyncIterator[Publish]:
    from tests.benchmarks.rabbitmq_taskiq import broker, noop

    await broker.startup()

    async def publish(_: int) -> None:
        await noop.kiq(TEXT)

    yield publish
    await broker.shutdown()


def celery(number: int) -> None:
    from tests.benchmarks.rabbitmq_celery import noop

    noop.delay(TEXT)


def dramatiq(number: int) -> None:
    from tests.benchmarks.rabbitmq_dramatiq import noop

    noop.send(TEXT)


LOOPS: Mapping[str, Callable[[], AbstractAsyncContextManager[Publish]]] = {
    "ours": ours,
    "aio-pika": aio_pika,
    "taskiq": taskiq,
}
BLOCKING: Mapping[str, Callable[[int], None]] = {"celery": celery, "dramatiq": dramatiq}


async def in_loop(who: str, count: int, in_flight: int) -> dict[str, float]:
    async with LOOPS[who]() as publish:
        await publish(0)
        numbers = iter(range(1, count))

        async def publisher() -> None:
            for number in numbers:
                await publish(number)

        clock = Clock(count - 1)
        await asyncio.gather(*(publisher() for _ in range(in_flight)))
        return clock.metrics()


def in_threads(who: str, count: int, in_flight: int) -> dict[str, float]:
    publish, together = BLOCKING[who], threading.Barrier(in_flight)

    def first(number: int) -> None:
        together.wait()
        publish(number)

    with ThreadPoolExecutor(in_flight) as pool:
        list(pool.map(first, range(in_flight)))
        clock = Clock(count - in_flight)
        list(pool.map(publish, range(in_flight, count)))
        return clock.metrics()


class Clock:
    """Wall and CPU time of this process since it was made."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def metrics(self) -> dict[str, float]:
        seconds, cpu = time.perf_counter() - self._wall, time.process_time() - self._cpu
        return {"per_second": self._count / seconds, "cpu_us": cpu / self._count * 1e6}


def run(words: Iterator[str]) -> dict[str, float]:
    who, count, in_flight = next(words), int(next(words)), int(next(words))
    if who in LOOPS:
        return asyncio.run(in_loop(who, count, in_flight))
    return in_threads(who, count, in_flight)


if __name__ == "__main__":
    print(json.dumps(run(iter(sys.argv[1:]))), flush=True)
