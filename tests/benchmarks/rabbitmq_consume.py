"""What taking and acknowledging a message costs a worker's CPU: our port beside raw aio-pika and worker frameworks.

The work is none, the messages are 1 KB in a quorum queue, each worker is one process and acknowledges after the work.
"Slots" are what a worker may have in its hand: a waiting `receive` each on our side, prefetch on the others'. Ours pays
for more than they promise: a busy slot holds no message that an idle worker could have.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from functools import partial

from tests.benchmarks.figures import Bench, Better, Metrics, Outcome, Peer, Row, take_turns
from tests.benchmarks.processes import Measured, ProcessFailedError
from tests.benchmarks.rabbitmq_node import QUEUE, Node, rabbitmq_node
from tests.benchmarks.rabbitmq_publish import OURS, RAW, fill, missing, present

PEERS: Mapping[str, tuple[str, str]] = {
    RAW: ("aio-pika", "bench-aio-pika"),
    "faststream": ("faststream", "bench-aio-pika"),
    "taskiq": ("taskiq_aio_pika", "bench-taskiq"),
    "dramatiq": ("pika", "bench-dramatiq"),
    "celery": ("celery", "bench-celery"),
}
"""Peer to the distribution that it needs, and its queue."""
PUBLISHER = {"faststream": RAW}
"""Whose messages a peer takes when not its own."""
CPU, RATE = "cpu_us", "per_second"
FILLING = 64


def measure(bench: Bench) -> Iterator[Outcome]:
    """With few slots and with many."""
    yield from missing(PEERS)
    with rabbitmq_node(bench.subfolder("rabbitmq")) as node:
        for slots in (10, 100):
            yield from _compared(bench, node, slots)


def _compared(bench: Bench, node: Node, slots: int) -> Iterator[Outcome]:
    queues, count = {OURS: QUEUE, **present(PEERS)}, bench.pick(8_000, 3_000)
    figures = take_turns(
        bench.pick(5, 1),
        {
            who: partial(_consume, bench, node, who, queue=queue, count=count, slots=slots)
            for who, queue in queues.items()
        },
    )
    for who in queues:
        if who == OURS:
            continue
        theirs = figures[who][CPU]
        yield Row(
            what=f"worker CPU of one message, {slots} slots",
            unit="us",
            ours=figures[OURS][CPU],
            peer=Peer(who, theirs),
            better=Better.LOWER,
            goal=1.25 * theirs.value if who == RAW else None,
            note="1.25x of the peer" if who == RAW else "",
        )
    yield Row(
        what=f"messages of one worker, {slots} slots",
        unit="/s",
        ours=figures[OURS][RATE],
        peer=Peer(RAW, figures[RAW][RATE]),
        better=Better.HIGHER,
    )


def _consume(bench: Bench, node: Node, who: str, *, queue: str, count: int, slots: int) -> Metrics:
    """Fill its queue, then let a worker empty it. Raises AssertionError when something stays."""
    fill(bench, node, PUBLISHER.get(who, who), queue=queue, count=count, in_flight=8 if who == "celery" else FILLING)
    environment = {"BROKER": node.url, "SLOTS": str(slots), "TOTAL": str(count)}
    with Measured(_command(who), folder=bench.subfolder(f"{who}-worker"), environment=environment) as worker:
        line = worker.until(lambda text: text.startswith('{"cpu_us"'), "its figures").text
        if who == "celery":
            worker.stop()
        elif worker.wait().code:
            raise ProcessFailedError(worker.last_words())
    left = node.depth(queue)
    # Celery does not end by itself: stopped, it gives back some that it has done. Its figures were told before.
    if left >= (slots if who == "celery" else 1):
        raise AssertionError(f"{left} of {count} messages of {who} came back")
    metrics: Metrics = json.loads(line)
    return metrics


def _command(who: str) -> list[str]:
    if who != "celery":
        return [sys.executable, "-m", "tests.benchmarks.rabbitmq_consumer", who]
    quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "WARNING")
    return [
        sys.executable,
        "-m",
        "celery",
        "-A",
        "tests.benchmarks.rabbitmq_celery",
        "worker",
        *quiet,
        "--pool",
        "solo",
    ]
