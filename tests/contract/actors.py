"""What other processes do to a store while a test looks on.

Each tells on stdout, line by line, what was confirmed to it.
"""

import asyncio
import contextlib
import itertools
import os
import sys
import uuid
from collections.abc import Callable, Coroutine, Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path

from aios.errors import PreconditionError, SequenceConflictError
from aios.ports.journal import Record, Snapshot
from aios.ports.knowledge import Memory
from aios.spec.agent import Agent, AgentSpec
from aios.spec.base import ObjectMeta
from aios.spec.vocabulary import Privacy
from tests.contract import implementations as known
from tests.contract.implementations import C_co, Implementation

Role = Callable[[str, Path, Sequence[str]], Coroutine[None, None, None]]


async def count_in_stream(store: str, place: Path, arguments: Sequence[str]) -> None:
    """Append N records to one stream, each after having read where it ends; tell each record's id."""
    journal = _named(known.JOURNALS, store).open(place)
    for _ in range(int(arguments[0])):
        record = Record({})
        while True:
            try:
                await journal.append("shared", await journal.head("shared"), [record])
                break
            except SequenceConflictError:
                continue
        _tell(record.id)
    await journal.close()


async def append_for_ever(store: str, place: Path, _: Sequence[str]) -> None:
    """Append three records at a time; tell the sequence that was confirmed."""
    journal = _named(known.JOURNALS, store).open(place)
    head = 0
    while True:
        head = await journal.append("crash", head, [Record({"part": part, "fill": "x" * 2000}) for part in range(3)])
        _tell(str(head))


async def compact_for_ever(store: str, place: Path, _: Sequence[str]) -> None:
    """Append to a stream and compact it after every few records; the state is the sum of what it stands for."""
    journal = _named(known.JOURNALS, store).open(place)
    for seq in itertools.count(1):
        await journal.append("compacted", seq - 1, [Record({"number": seq})])
        if seq % 3 == 0:
            await journal.compact(Snapshot("compacted", seq, {"sum": seq * (seq + 1) // 2}))
            _tell(str(seq))


async def count_in_object(store: str, place: Path, arguments: Sequence[str]) -> None:
    """Add 1 to the number in an object N times, by compare-and-swap."""
    objects = _named(known.OBJECT_STORES, store).open(place)
    for _ in range(int(arguments[0])):
        while True:
            found = await objects.get("number")
            number = int(found.data.split()[0]) + 1
            with contextlib.suppress(PreconditionError):
                await objects.replace("number", f"{number} {uuid.uuid4().hex}".encode(), found.etag)
                break
        _tell(str(number))
    await objects.close()


async def race_to_create(store: str, place: Path, arguments: Sequence[str]) -> None:
    """Try to create N objects; tell those that were ours."""
    objects = _named(known.OBJECT_STORES, store).open(place)
    for number in range(int(arguments[0])):
        with contextlib.suppress(PreconditionError):
            await objects.create(f"race/{number}", uuid.uuid4().bytes)
            _tell(str(number))
    await objects.close()


async def put_for_ever(store: str, place: Path, _: Sequence[str]) -> None:
    """Put a large object of one repeated byte over and over; tell the byte that was confirmed."""
    objects = _named(known.OBJECT_STORES, store).open(place)
    for number in itertools.count():
        await objects.put("large", bytes([number % 256]) * 1_000_000)
        _tell(str(number % 256))


async def hold_messages(store: str, place: Path, arguments: Sequence[str]) -> None:
    """Take N messages, settle none, tell their ids, and go on living."""
    broker = _named(known.BROKERS, store).open(place)
    async with broker.consume("work") as consumer:
        for _ in range(int(arguments[0])):
            delivery = await consumer.receive(60)
            assert delivery is not None
            _tell(delivery.message.id)
        await asyncio.Event().wait()


async def settle_messages(store: str, place: Path, _: Sequence[str]) -> None:
    """Take and acknowledge messages until one says to stop; tell the ids of the others."""
    broker = _named(known.BROKERS, store).open(place)
    async with broker.consume("work") as consumer:
        while delivery := await consumer.receive(60):
            await delivery.ack()
            if "stop" in delivery.message.body:
                break
            _tell(delivery.message.id)
    await broker.close()


async def add(store: str, place: Path, arguments: Sequence[str]) -> None:
    """Add 1 to a counter N times, up to its limit; tell each value that was reached."""
    counters = _named(known.COUNTERS, store).open(place)
    await counters.seed("sum", 0)
    for _ in range(int(arguments[0])):
        _tell(str(await counters.add("sum", 1, limit=int(arguments[1]))))
    await counters.close()


async def swap(store: str, place: Path, arguments: Sequence[str]) -> None:
    """Add 1 to a session's number N times, by compare-and-set."""
    sessions = _named(known.SESSIONS, store).open(place)
    for _ in range(int(arguments[0])):
        while True:
            old = await sessions.get("number")
            new = str(int(old or 0) + 1)
            if await sessions.compare_and_set("number", old, new, ttl=60):
                break
        _tell(new)
    await sessions.close()


async def grab(store: str, place: Path, arguments: Sequence[str]) -> None:
    """Try to take N leases; tell those that were ours."""
    leases = _named(known.LEASES, store).open(place)
    me = uuid.uuid4().hex
    for number in range(int(arguments[0])):
        if await leases.acquire(f"lease/{number}", me, ttl=60):
            _tell(str(number))
    await leases.close()


async def remember(store: str, place: Path, arguments: Sequence[str]) -> None:
    """Remember a few texts; tell their ids."""
    knowledge = _named(known.KNOWLEDGE, store).open(place)
    for number in range(int(arguments[0])):
        text = f"common {uuid.uuid4().hex} {number}"
        _tell(await knowledge.remember("default", "team", Memory(text, Privacy.INTERNAL, "test")))
    await knowledge.close()


async def apply_agents(store: str, place: Path, arguments: Sequence[str]) -> None:
    """Apply the same N agents that other processes apply too."""
    resources = _named(known.RESOURCES, store).open(place)
    for number in range(int(arguments[0])):
        agent = Agent(metadata=ObjectMeta(name=f"agent-{number}"), spec=AgentSpec(team="team", member="member"))
        await resources.apply(agent)
        _tell(agent.metadata.name)
    await resources.close()


def _named(implementations: Sequence[Implementation[C_co]], name: str) -> Implementation[C_co]:
    return next(one for one in implementations if one.name == name)


def _tell(text: str) -> None:
    print(text, flush=True)


ROLES: dict[str, Role] = {
    role.__name__: role
    for role in (
        count_in_stream,
        append_for_ever,
        compact_for_ever,
        count_in_object,
        race_to_create,
        put_for_ever,
        hold_messages,
        settle_messages,
        add,
        swap,
        grab,
        remember,
        apply_agents,
    )
}


def play(told: Connection, environment: Mapping[str, str], role: str, store: str, place: str, *arguments: str) -> None:
    """Play `role` in this process until it is over; what it tells goes to `told`.

    The environment says where the servers are: this process was forked from one that may be older than they.
    """
    os.environ.update(environment)
    os.dup2(told.fileno(), sys.stdout.fileno())
    told.close()
    asyncio.run(ROLES[role](store, Path(place), arguments))
