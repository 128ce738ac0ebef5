"""The peer's side on RabbitMQ: a Dramatiq broker with confirms; it has no setting for a queue's type."""

import os
import threading

import dramatiq
from dramatiq.brokers.rabbitmq import RabbitmqBroker

from tests.benchmarks.rabbitmq_tally import Tally

QUEUE = "bench-dramatiq"


class QuorumBroker(RabbitmqBroker):
    """Its queues are quorum queues."""

    def _build_queue_arguments(self, queue_name: str) -> dict[str, object]:
        inherited: dict[str, object] = super()._build_queue_arguments(queue_name)  # type: ignore[no-untyped-call]
        return {**inherited, "x-queue-type": "quorum"}


broker = QuorumBroker(url=os.environ.get("BROKER") or None, confirm_delivery=True)
dramatiq.set_broker(broker)
tally = Tally(int(os.environ.get("TOTAL", "0")))
over = threading.Event()


@dramatiq.actor(queue_name=QUEUE)
def noop(text: str) -> None:
    """Take it and do nothing."""
    if tally.one():
        over.set()
