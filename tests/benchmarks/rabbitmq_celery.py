"""The peer's side on RabbitMQ: a Celery application with a quorum queue and confirmed, persistent publishes.

BROKER is the node's URL, BACKEND one for results, or empty; SLOTS the messages that a worker holds, TOTAL after how
many it tells its figures. Messages are acknowledged after the work.
"""

import os

import celery  # type: ignore[import-untyped]  # ships no types

from tests.benchmarks.rabbitmq_tally import Tally

QUEUE = "bench-celery"

app = celery.Celery("bench", broker=os.environ.get("BROKER", ""), backend=os.environ.get("BACKEND") or None)
app.conf.update(
    task_default_queue=QUEUE,
    task_default_queue_type="quorum",
    broker_transport_options={"confirm_publish": True},
    broker_pool_limit=256,
    broker_connection_retry_on_startup=True,
    task_acks_late=True,
    task_ignore_result=not os.environ.get("BACKEND"),
    worker_prefetch_multiplier=int(os.environ.get("SLOTS", "1")),
    worker_enable_remote_control=False,
)
tally = Tally(int(os.environ.get("TOTAL", "0")))


def _noop(text: str) -> None:
    """Take it and do nothing."""
    tally.one()


def _echo(text: str) -> str:
    """A task with a result."""
    return text


noop = app.task(name="noop")(_noop)
echo = app.task(name="echo")(_echo)
