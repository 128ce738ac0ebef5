"""A worker process that takes and acknowledges no-op messages of a quorum queue, with a bounded number in its hand.

`python -m tests.benchmarks.rabbitmq_consumer WHO`, with BROKER, SLOTS and TOTAL in the environment: prints one JSON
line (see `rabbitmq_tally`) after TOTAL messages. Celery has a command of its own.
"""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Mapping

from tests.benchmarks.rabbitmq_node import QUEUE
from tests.benchmarks.rabbitmq_tally import Tally

URL, SLOTS, TOTAL = os.environ.get("BROKER", ""), int(os.environ.get("SLOTS", "1")), int(os.environ.get("TOTAL", "0"))
DRAINED_SECONDS = 0.3
"""The last acknowledgements leave before the process does: what stays in the queue is counted."""


async def ours() -> None:
    """SLOTS receives that wait, as a worker with so many replicas has."""
    from aios.adapters.rabbitmq.broker import RabbitBroker

    broker, tally, over = RabbitBroker(URL), Tally(TOTAL), asyncio.Event()
    async with broker.consume(QUEUE) as consumer:

        async def slot() -> None:
            while (delivery := await consumer.receive()) is not None:
                await delivery.ack()
                if tally.one():
                    over.set()

        slots = [asyncio.create_task(slot()) for _ in range(SLOTS)]
        await over.wait()
        await asyncio.sleep(DRAINED_SECONDS)
    await asyncio.gather(*slots)
    await broker.close()


async def aio_pika() -> None:
    """As bare as it may be: a callback that acknowledges."""
    import aio_pika
    from aio_pika.abc import AbstractIncomingMessage

    tally, over = Tally(TOTAL), asyncio.Event()
    connection = await aio_pika.connect(URL)
    channel = await connection.channel()
    await channel.set_qos(prefetch_count=SLOTS)
    queue = await channel.get_queue("bench-aio-pika")

    async def came(message: AbstractIncomingMessage) -> None:
        await message.ack()
        if tally.one():
            over.set()

    await queue.consume(came)
    await over.wait()
    await asyncio.sleep(DRAINED_SECONDS)
    await connection.close()


async def faststream() -> None:
    from faststream.rabbit import Channel, QueueType, RabbitBroker, RabbitQueue

    tally, over = Tally(TOTAL), asyncio.Event()
    broker = RabbitBroker(URL, logger=None)
    queue = RabbitQueue("bench-aio-pika", queue_type=QueueType.QUORUM, durable=True)

    @broker.subscriber(queue, channel=Channel(prefetch_count=SLOTS))
    async def came(message: dict[str, str | int]) -> None:
        if tally.one():
            over.set()

    async with broker:
        await broker.start()
        await over.wait()
        await asyncio.sleep(DRAINED_SECONDS)


async def taskiq() -> None:
    from taskiq.acks import AcknowledgeType
    from taskiq.api import run_receiver_task

    from tests.benchmarks.rabbitmq_taskiq import broker, over

    broker.is_worker_process = True
    receiver = asyncio.create_task(
        run_receiver_task(broker, max_async_tasks=SLOTS, run_startup=True, ack_time=AcknowledgeType.WHEN_EXECUTED)
    )
    await over.wait()
    await asyncio.sleep(DRAINED_SECONDS)
    receiver.cancel()
    await asyncio.gather(receiver, return_exceptions=True)
    await broker.shutdown()


async def dramatiq() -> None:
    from dramatiq import Worker

    from tests.benchmarks.rabbitmq_dramatiq import broker, over

    worker = Worker(broker, worker_threads=min(SLOTS, 8))
    worker.start()
    await asyncio.to_thread(over.wait)
    worker.stop()


WORKERS: Mapping[str, Callable[[], Awaitable[None]]] = {
    "ours": ours,
    "aio-pika": aio_pika,
    "faststream": faststream,
    "taskiq": taskiq,
    "dramatiq": dramatiq,
}


async def work(who: str) -> None:
    await WORKERS[who]()


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1]))
