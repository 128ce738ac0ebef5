"""The peer's side on RabbitMQ: a Taskiq broker on a quorum queue, with the defaults of its RabbitMQ package."""

import asyncio
import os

from taskiq_aio_pika import AioPikaBroker
from taskiq_aio_pika.queue import Queue, QueueType

from tests.benchmarks.rabbitmq_tally import Tally

QUEUE = "bench-taskiq"

broker = AioPikaBroker(
    os.environ.get("BROKER") or None,
    qos=int(os.environ.get("SLOTS", "1")),
    task_queues=[Queue(name=QUEUE, type=QueueType.QUORUM)],
)
tally = Tally(int(os.environ.get("TOTAL", "0")))
over = asyncio.Event()


@broker.task(task_name="noop")
async def noop(text: str) -> None:
    """Take it and do nothing."""
    if tally.one():
        over.set()
