"""The embedded broker beside Celery: durable publishes, and taking and acknowledging no-op tasks.

What each side gives, so that nobody compares apples with pears:
- ours: a publish that returned is on the disk (SQLite, synchronous=FULL), with no server beside it; what a dead
  process held comes back within seconds; an acknowledgement lost to a power cut means one more delivery.
- Celery on valkey with `appendfsync always`: the same promise for a publish; what a dead worker held comes back after
  `visibility_timeout`, one hour by default.
- Celery on valkey in memory, the usual setup: everything is gone with the server.
- Celery on files: no fsync, and a message is gone from the folder as soon as a worker has read it.
A Celery task also finds and calls a function: our figure is of the broker alone, `throughput` has whole tasks.
"""

import asyncio
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from aios.embedded.broker import SqliteBroker
from aios.ports.broker import Message
from tests.benchmarks.celery_peer import CeleryPeer, Store, celery_peer
from tests.benchmarks.figures import (
    Bench,
    Better,
    Figure,
    Metrics,
    Outcome,
    Peer,
    Row,
    Skipped,
    UnavailableError,
    take_turns,
)
from tests.benchmarks.processes import Measured, ProcessFailedError, tree_cpu_seconds

QUEUE = "aios.bench.team.member"
IN_FLIGHT = 32
RATE, CPU = "per_second", "cpu_us"
OURS = "ours"


def measure(bench: Bench) -> Iterator[Outcome]:
    """Publishes one by one and many in flight; then consuming by one process and by two."""
    with ExitStack() as stack:
        peers: dict[Store, CeleryPeer] = {}
        for store in (Store.FSYNC, Store.MEMORY) if bench.quick else Store:
            try:
                peers[store] = stack.enter_context(celery_peer(store, bench.subfolder("celery")))
            except UnavailableError as error:
                yield Skipped(f"Celery on {store}", str(error))
        yield from _publishes(bench, peers)
        yield from _consumes(bench, peers)


def _publishes(bench: Bench, peers: Mapping[Store, CeleryPeer]) -> Iterator[Outcome]:
    for in_flight in (1, IN_FLIGHT):
        count = bench.pick(3000, 600) if in_flight > 1 else bench.pick(1000, 250)
        contestants: dict[str, Callable[[], Metrics]] = {
            OURS: partial(_publish, bench, count=count, in_flight=in_flight)
        }
        for store, peer in peers.items():
            contestants[store] = partial(_celery_publish, peer, count=count, in_flight=in_flight)
        figures = take_turns(bench.pick(5, 2), contestants)
        what = "confirmed publish, one by one" if in_flight == 1 else f"confirmed publish, {in_flight} in flight"
        yield from _rows(what, figures, peers, note="threads on Celery's side" if in_flight > 1 else "")


def _consumes(bench: Bench, peers: Mapping[Store, CeleryPeer]) -> Iterator[Outcome]:
    count, rounds = bench.pick(3000, 600), bench.pick(3, 1)
    pools = {"solo": ("--pool", "solo"), "prefork 2": ("--pool", "prefork", "--concurrency", "2")}
    for processes, pool in ((1, "solo"), (2, "prefork 2")):
        contestants: dict[str, Callable[[], Metrics]] = {
            OURS: partial(_consume, bench, count=count, processes=processes, slots=10)
        }
        if processes == 1:
            contestants["one slot"] = partial(_consume, bench, count=count, processes=1, slots=1)
        for store, peer in peers.items():
            contestants[store] = partial(_celery_consume, peer, count=count, pool=pools[pool])
        figures = take_turns(rounds, contestants)
        what = f"consume + ack, {processes} process{'es' if processes > 1 else ''}"
        yield from _rows(what, figures, peers, note=f"10 slots a process; Celery {pool}")
        if processes == 1:
            yield Row(what=f"{what}, one slot", unit="/s", ours=figures["one slot"][RATE], better=Better.HIGHER)
            yield from _cpu_rows(figures, peers)


def _rows(
    what: str, figures: Mapping[str, Mapping[str, Figure]], peers: Mapping[Store, CeleryPeer], *, note: str
) -> Iterator[Outcome]:
    ours = figures[OURS][RATE]
    if not peers:
        yield Row(what=what, unit="/s", ours=ours, better=Better.HIGHER, note=note)
    for store in peers:
        peer = Peer(f"Celery ({store})", figures[store][RATE])
        yield Row(what=what, unit="/s", ours=ours, peer=peer, better=Better.HIGHER, note=note)


def _cpu_rows(figures: Mapping[str, Mapping[str, Figure]], peers: Mapping[Store, CeleryPeer]) -> Iterator[Outcome]:
    for store in peers:
        yield Row(
            what="CPU of one task, worker and broker",
            unit="us",
            ours=figures[OURS][CPU],
            peer=Peer(f"Celery ({store})", figures[store][CPU]),
            better=Better.LOWER,
        )


def _message(number: int) -> Message:
    return Message(f"work:default/project/0123456789ab/task-{number}/1", _body(number))


def _body(number: int) -> dict[str, str | int]:
    return {"run": "default/project/0123456789ab", "task": f"task-{number}", "attempt": 1, "seq": number}


def _publish(bench: Bench, *, count: int, in_flight: int) -> Metrics:
    return {RATE: asyncio.run(_fill(bench.subfolder("ours") / "broker.db", count=count, in_flight=in_flight))}


async def _fill(path: Path, *, count: int, in_flight: int) -> float:
    """Publishes a second."""
    broker = SqliteBroker(path)
    await broker.ensure_queue(QUEUE)

    async def publisher(first: int) -> None:
        for number in range(first, count, in_flight):
            await broker.publish(QUEUE, _message(number))

    started = time.perf_counter()
    await asyncio.gather(*map(publisher, range(in_flight)))
    seconds = time.perf_counter() - started
    waiting = (await broker.queues())[QUEUE]
    await broker.close()
    if waiting != count:
        raise AssertionError(f"{count} messages were confirmed, {waiting} wait")
    return count / seconds


def _celery_publish(peer: CeleryPeer, *, count: int, in_flight: int) -> Metrics:
    peer.clear()
    command = [sys.executable, "-m", "tests.benchmarks.celery_publisher", str(count), str(in_flight)]
    with Measured(command, folder=peer.folder, environment=peer.environment()) as publisher:
        rate: float = json.loads(publisher.until(lambda text: text.startswith("{"), "its result").text)[RATE]
    waiting = peer.depth()
    if waiting != count:
        raise AssertionError(f"{count} messages were sent to Celery's {peer.store}, {waiting} wait")
    return {RATE: rate}


def _consume(bench: Bench, *, count: int, processes: int, slots: int) -> Metrics:
    path = bench.subfolder("ours") / "broker.db"
    asyncio.run(_fill(path, count=count, in_flight=IN_FLIGHT))
    command = [sys.executable, "-m", "tests.benchmarks.embedded_consumer", str(path), QUEUE, str(slots)]
    with ExitStack() as stack:
        running = [stack.enter_context(Measured(command, folder=path.parent)) for _ in range(processes)]
        ends = [json.loads(one.until(lambda text: text.startswith("{"), "its result").text) for one in running]
    consumed = sum(end["count"] for end in ends)
    if consumed != count:
        raise AssertionError(f"{count} messages were published, {consumed} consumed")
    took = [end for end in ends if end["count"]]
    seconds = max(end["ended"] for end in took) - min(end["started"] for end in took)
    return {RATE: count / seconds, CPU: sum(end["cpu"] for end in ends) / count * 1e6}


def _celery_consume(peer: CeleryPeer, *, count: int, pool: tuple[str, ...]) -> Metrics:
    """From the first message taken until none is left, as the broker shows it."""
    _celery_publish(peer, count=count, in_flight=4)
    with peer.worker(*pool) as worker:
        pids = [pid for pid in (worker.pid, peer.server) if pid]
        _await_depth(peer, worker, below=count)
        started, before = time.perf_counter(), sum(map(tree_cpu_seconds, pids))
        left = peer.depth()
        _await_depth(peer, worker, below=1)
        seconds, cpu = time.perf_counter() - started, sum(map(tree_cpu_seconds, pids)) - before
    return {RATE: left / seconds, CPU: cpu / left * 1e6}


def _await_depth(peer: CeleryPeer, worker: Measured, *, below: int) -> None:
    deadline = time.monotonic() + 120
    while peer.depth() >= below:
        if time.monotonic() > deadline:
            raise ProcessFailedError(f"Celery did not get its queue below {below}: {worker.last_words()}")
        time.sleep(0.01)
