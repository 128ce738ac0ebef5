"""Confirmed, persistent publishes of 1 KB to a quorum queue: ours beside raw aio-pika and what people use on RabbitMQ.

All get the same promise from the same node: a publish that returned is on the node's disk. Ours and raw aio-pika also
ask to be told when no queue takes the message; ours has a team's exchange, bounds and dead letters on top. Each run is
a process of its own, and what it sent is counted at the node.
"""

import importlib.util
import json
import sys
from collections.abc import Iterator, Mapping
from functools import partial

from tests.benchmarks.figures import (
    Bench,
    Better,
    Figure,
    Metrics,
    Outcome,
    Peer,
    Row,
    Skipped,
    take_turns,
)
from tests.benchmarks.processes import Measured
from tests.benchmarks.rabbitmq_node import QUEUE, Node, rabbitmq_node

OURS, RAW, CELERY = "ours", "aio-pika", "celery"
PEERS: Mapping[str, tuple[str, str]] = {
    RAW: ("aio-pika", "bench-aio-pika"),
    "taskiq": ("taskiq_aio_pika", "bench-taskiq"),
    CELERY: ("celery", "bench-celery"),
    # Dramatiq's own package does without its RabbitMQ client.
    "dramatiq": ("pika", "bench-dramatiq"),
}
"""Peer to the distribution that it needs, and its queue."""
BLOCKING = (CELERY, "dramatiq")
"""A thread, and a connection, for each message in flight."""
IN_FLIGHT = 256
FEW = 8
"""Threads at which blocking clients publish most on two cores; with more they wait for each other."""
RATE, CPU = "per_second", "cpu_us"


def measure(bench: Bench) -> Iterator[Outcome]:
    """One awaiting caller, then many in flight."""
    yield from missing(PEERS)
    with rabbitmq_node(bench.subfolder("rabbitmq")) as node:
        for in_flight in (1, IN_FLIGHT):
            yield from _compared(bench, node, in_flight)


def missing(peers: Mapping[str, tuple[str, str]]) -> Iterator[Skipped]:
    """The peers that are not installed."""
    for name, (package, _) in peers.items():
        if not _is_there(package):
            yield Skipped(name, f"{package} is not installed: pip install {package}")


def present(peers: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    """Peer to queue, of those that are installed."""
    return {name: queue for name, (package, queue) in peers.items() if _is_there(package)}


def fill(bench: Bench, node: Node, who: str, *, queue: str, count: int, in_flight: int) -> Metrics:
    """`count` messages of that contestant in its fresh queue. Raises AssertionError when they are not all there."""
    node.fresh(queue, ours=who == OURS)
    command = [sys.executable, "-m", "tests.benchmarks.rabbitmq_publisher", who, str(count), str(in_flight)]
    with Measured(command, folder=bench.subfolder(who), environment={"BROKER": node.url}) as process:
        line = process.until(lambda text: text.startswith("{"), "its result").text
        process.wait()
    waiting = node.depth(queue)
    if waiting != count:
        raise AssertionError(f"{count} messages of {who} were confirmed, {waiting} wait")
    metrics: Metrics = json.loads(line)
    return metrics


def _compared(bench: Bench, node: Node, in_flight: int) -> Iterator[Outcome]:
    count = bench.pick(2_000, 1_000) if in_flight == 1 else bench.pick(10_000, 4_000)
    queues = {OURS: QUEUE, **present(PEERS)}
    sends = {who: partial(fill, bench, node, who, queue=queue, count=count) for who, queue in queues.items()}
    contestants = {who: partial(send, in_flight=in_flight) for who, send in sends.items()}
    if in_flight > 1:
        contestants |= {_few(who): partial(sends[who], in_flight=FEW) for who in BLOCKING if who in sends}
    figures = take_turns(bench.pick(7, 3), contestants)
    what = "one caller" if in_flight == 1 else f"{in_flight} in flight"
    for who in contestants:
        if who != OURS:
            yield _row(f"confirmed publish of 1 KB, {what}", figures, who, in_flight)
    yield Row(
        what=f"CPU of one, {what}",
        unit="us",
        ours=figures[OURS][CPU],
        peer=Peer(RAW, figures[RAW][CPU]),
        better=Better.LOWER,
    )


def _few(who: str) -> str:
    return f"{who}, {FEW} threads"


def _row(what: str, figures: Mapping[str, Mapping[str, Figure]], who: str, in_flight: int) -> Row:
    theirs = figures[who][RATE]
    times = {RAW: 0.9, CELERY: 6.0 if in_flight > 1 else None}.get(who)
    return Row(
        what=what,
        unit="/s",
        ours=figures[OURS][RATE],
        peer=Peer(f"{who}, {in_flight} threads" if who in BLOCKING and in_flight > 1 else who, theirs),
        better=Better.HIGHER,
        goal=None if times is None else times * theirs.value,
        note="" if times is None else f"{times:g}x of the peer",
    )


def _is_there(package: str) -> bool:
    return importlib.util.find_spec(package.replace("-", "_")) is not None
