"""ObjectJournal under every order of calls and every fate of a reply: no hole, no double, one winner a position."""

import asyncio
import itertools
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aios.adapters.object_journal.journal import ObjectJournal
from aios.errors import CompactedError, SequenceConflictError, ServiceUnavailableError
from aios.ports.journal import Journal, Record, Snapshot
from aios.ports.object_store import ObjectStore
from tests.adapters.object_journal.clock import HandClock
from tests.adapters.object_journal.stores import Fate, MemoryObjects, Stage, StagedObjects

PATIENCE = 200
"""Tries after which something is wrong for good."""


@dataclass
class Witness:
    """What the actors were told."""

    accepted: dict[int, tuple[str, ...]] = field(default_factory=dict)
    """Ids by the number of their first record."""
    refused: set[str] = field(default_factory=set)
    seen: list[tuple[str, ...]] = field(default_factory=list)
    """The whole stream as some reader saw it, ids in order."""


def _journal(objects: ObjectStore) -> ObjectJournal:
    """Its clock stands still: when it asks the index again does not hang on how fast the machine is."""
    return ObjectJournal(objects, clock=HandClock())


async def _whole(journal: Journal) -> tuple[str, ...]:
    """The ids of all records: those the snapshot stands for, then the others."""
    for _ in range(PATIENCE):
        try:
            snapshot = await journal.snapshot("s")
            ids = list(snapshot.state["ids"]) if snapshot else []  # type: ignore[call-overload]
            assert len(ids) == (snapshot.seq if snapshot else 0)
            for one in await journal.read("s", after=len(ids)):
                assert one.seq == len(ids) + 1, "a hole"
                ids.append(one.id)
            return tuple(ids)
        except (CompactedError, ServiceUnavailableError):
            continue
    raise AssertionError("the stream stays unreadable")


async def _append(
    journal: Journal, expected: int, records: Sequence[Record], witness: Witness, tries: int = PATIENCE
) -> None:
    """Until the answer is certain."""
    ids = tuple(record.id for record in records)
    for _ in range(tries):
        try:
            last = await journal.append("s", expected, records)
        except SequenceConflictError as error:
            assert error.actual != expected
            witness.refused.update(ids)
            return
        except ServiceUnavailableError:
            continue
        assert last == expected + len(records)
        assert expected + 1 not in witness.accepted, "two winners"
        witness.accepted[expected + 1] = ids
        return


async def _write(journal: Journal, sizes: Sequence[int], witness: Witness) -> None:
    expected = 0
    for size in sizes:
        await _append(journal, expected, [Record({}) for _ in range(size)], witness)
        expected = len(await _whole(journal))


async def _read(journal: Journal, times: int, witness: Witness) -> None:
    for _ in range(times):
        witness.seen.append(await _whole(journal))


async def _compact(journal: Journal, backs: Sequence[int]) -> None:
    for back in backs:
        ids = await _whole(journal)
        seq = max(0, len(ids) - back)
        if not ids:
            continue
        try:
            await journal.compact(Snapshot("s", seq, {"ids": list(ids[:seq])}))
        except ServiceUnavailableError:
            continue


async def _assert_true(store: MemoryObjects, witness: Witness) -> None:
    fresh = _journal(store)
    whole = await _whole(fresh)
    assert len(set(whole)) == len(whole), "a double"
    assert await fresh.head("s") == len(whole)
    for first, ids in witness.accepted.items():
        assert whole[first - 1 : first - 1 + len(ids)] == ids, "what was accepted stands where it was accepted"
    assert not witness.refused & set(whole), "what was refused is not there"
    assert set(whole) == {one for ids in witness.accepted.values() for one in ids}
    for seen in witness.seen:
        assert whole[: len(seen)] == seen, "a reader saw what is not so"


BAD = (Fate.LOST, Fate.REPLY_LOST, Fate.RETRIED, Fate.LATE)


@settings(max_examples=200, deadline=None)
@given(
    writers=st.lists(st.lists(st.integers(1, 3), min_size=1, max_size=3), min_size=3, max_size=3),
    backs=st.lists(st.integers(0, 2), max_size=2),
    seed=st.integers(0, 2**32),
    chance=st.sampled_from([0.0, 0.1, 0.4]),
)
def test_no_order_of_calls_and_no_lost_reply_breaks_a_stream(
    writers: list[list[int]], backs: list[int], seed: int, chance: float
) -> None:
    random = Random(seed)
    stage = Stage(random.randrange)
    store, witness = MemoryObjects(), Witness()

    def client() -> ObjectJournal:
        return _journal(StagedObjects(store, stage, fate))

    def fate() -> Fate:
        return random.choice(BAD) if random.random() < chance else Fate.ANSWERED

    async def play() -> None:
        await stage.play(
            *(_write(client(), sizes, witness) for sizes in writers),
            _read(client(), 2, witness),
            _compact(client(), backs),
            _compact(client(), backs),
        )
        await _assert_true(store, witness)

    asyncio.run(play())


Scene = Callable[[Stage, MemoryObjects, Witness], Coroutine[Any, Any, None]]


def _every_order(scene: Scene) -> int:
    """Play the scene once for every order in which the calls of its parts can come; returns how many there are."""
    script: list[int] = []
    for played in itertools.count(1):
        branches: list[int] = []

        def choose(count: int, branches: list[int] = branches) -> int:
            branches.append(count)
            if len(branches) > len(script):
                script.append(0)
            return script[len(branches) - 1]

        asyncio.run(scene(Stage(choose), MemoryObjects(), Witness()))
        while script and script[-1] + 1 == branches[len(script) - 1]:
            script.pop()
        if not script:
            return played
        script[-1] += 1
    raise AssertionError


async def _two_first_appends(stage: Stage, store: MemoryObjects, witness: Witness) -> None:
    one, two = (_journal(StagedObjects(store, stage)) for _ in range(2))
    await stage.play(
        _append(one, 0, [Record({}), Record({})], witness),
        _append(two, 0, [Record({})], witness),
    )
    assert len(witness.accepted) == 1
    await _assert_true(store, witness)


async def _append_and_compaction(stage: Stage, store: MemoryObjects, witness: Witness) -> None:
    await _append(_journal(store), 0, [Record({}), Record({})], witness)
    writer, compacting = (_journal(StagedObjects(store, stage)) for _ in range(2))
    ids = await _whole(_journal(store))
    await stage.play(
        _append(writer, 2, [Record({})], witness),
        compacting.compact(Snapshot("s", 2, {"ids": list(ids)})),
    )
    await _assert_true(store, witness)


async def _late_append_and_compaction(stage: Stage, store: MemoryObjects, witness: Witness) -> None:
    """A writer that knows only the first append, while the second is compacted."""
    late = _journal(StagedObjects(store, stage))
    await _append(_journal(store), 0, [Record({})], witness)
    await stage.play(late.head("s"))
    await _append(_journal(store), 1, [Record({}), Record({})], witness)
    ids = await _whole(_journal(store))
    await stage.play(
        _append(late, 1, [Record({})], witness),
        _journal(StagedObjects(store, stage)).compact(Snapshot("s", 3, {"ids": list(ids)})),
    )
    assert len(witness.refused) == 1
    await _assert_true(store, witness)


async def _deletion_and_new_life(stage: Stage, store: MemoryObjects, witness: Witness) -> None:
    """What is begun while the stream is deleted is there wholly or not at all, and never mixed with what was."""
    old = [Record({}), Record({})]
    await _append(_journal(store), 0, old, Witness())
    deleting, beginning = (_journal(StagedObjects(store, stage)) for _ in range(2))
    await stage.play(deleting.head("s"))
    await stage.play(deleting.delete("s"), _append(beginning, 0, [Record({})], witness, tries=1))
    whole = await _whole(_journal(store))
    assert whole == witness.accepted.get(1, ())
    assert not witness.accepted or not witness.refused


@pytest.mark.parametrize(
    "scene", [_two_first_appends, _append_and_compaction, _late_append_and_compaction, _deletion_and_new_life]
)
def test_every_order_of_the_calls_of_two_processes_keeps_the_promises(scene: Scene) -> None:
    assert _every_order(scene) > 5
