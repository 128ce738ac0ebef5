"""Journal: what an append promises, to one caller, to many, and to those who are killed."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from aios.errors import CompactedError, SequenceConflictError, ServiceUnavailableError
from aios.ports.journal import Journal, Record, Snapshot, Stored
from tests.contract.implementations import Implementation, JournalClient
from tests.contract.processes import actor, actors
from tests.twins.lost_replies import LostReplyJournal


def _numbers(*numbers: int) -> list[Record]:
    return [Record({"number": number}) for number in numbers]


def _read(stored: Sequence[Stored]) -> list[tuple[int, object]]:
    return [(one.seq, one.data["number"]) for one in stored]


async def test_what_was_appended_is_read_in_order_and_as_it_was(journal: JournalClient) -> None:
    data = {"text": "ünïcode \u2028 \U0001f600", "nested": {"list": [1, 2.5, None, True]}, "empty": {}}
    record = Record(data)
    assert await journal.append("s", 0, [record]) == 1
    assert await journal.append("s", 1, _numbers(2, 3)) == 3
    first, *_ = await journal.read("s")
    assert (first.stream, first.seq, first.id, first.data) == ("s", 1, record.id, data)
    assert first.at.tzinfo is not None
    assert _read(await journal.read("s", after=1)) == [(2, 2), (3, 3)]
    assert _read(await journal.read("s", after=1, limit=1)) == [(2, 2)]


async def test_unknown_stream_is_empty_and_at_zero(journal: JournalClient) -> None:
    assert list(await journal.read("none")) == []
    assert await journal.head("none") == 0
    assert await journal.snapshot("none") is None
    await journal.delete("none")


async def test_append_that_expects_another_sequence_is_refused_and_changes_nothing(journal: JournalClient) -> None:
    await journal.append("s", 0, _numbers(1))
    for expected in (0, 2, 7):
        with pytest.raises(SequenceConflictError) as refused:
            await journal.append("s", expected, _numbers(9, 9))
        assert (refused.value.stream, refused.value.expected, refused.value.actual) == ("s", expected, 1)
    assert _read(await journal.read("s")) == [(1, 1)]


async def test_same_records_appended_again_succeed_once(journal: JournalClient) -> None:
    records = _numbers(1, 2)
    assert await journal.append("s", 0, records) == 2
    assert await journal.append("s", 0, records) == 2
    await journal.append("s", 2, _numbers(3))
    assert await journal.append("s", 0, records) == 2, "also when the stream has moved on"
    assert _read(await journal.read("s")) == [(1, 1), (2, 2), (3, 3)]


async def test_append_that_is_only_partly_there_is_somebody_elses(journal: JournalClient) -> None:
    records = _numbers(1, 2)
    await journal.append("s", 0, records[:1])
    with pytest.raises(SequenceConflictError):
        await journal.append("s", 0, records)


@pytest.mark.parametrize("every", [1, 2, 3])
async def test_lost_replies_neither_lose_nor_repeat_a_record(journal: JournalClient, every: int) -> None:
    lossy = LostReplyJournal(journal, every=every)
    head = 0
    for number in range(12):
        records = _numbers(number)
        try:
            head = await lossy.append("s", head, records)
        except ServiceUnavailableError:
            head = await journal.append("s", head, records)
    assert lossy.replies.lost > 0
    assert _read(await journal.read("s")) == [(number + 1, number) for number in range(12)]


async def test_of_many_tasks_that_expect_the_same_sequence_one_wins(journal: JournalClient) -> None:
    answers = await asyncio.gather(
        *(journal.append("s", 0, _numbers(number, number)) for number in range(50)), return_exceptions=True
    )
    assert answers.count(2) == 1
    assert sum(isinstance(answer, SequenceConflictError) for answer in answers) == 49
    (_, first), (_, second) = _read(await journal.read("s"))
    assert first == second


async def test_cancelled_append_happened_wholly_or_not_at_all(journal: JournalClient) -> None:
    for number in range(40):
        task = asyncio.create_task(journal.append(f"s{number}", 0, _numbers(1, 2, 3)))
        await asyncio.sleep(number % 4 * 0.0003)
        task.cancel()
        await asyncio.wait([task])
    heads = [await journal.head(f"s{number}") for number in range(40)]
    assert set(heads) <= {0, 3}
    assert await journal.append("after", 0, _numbers(1)) == 1


async def test_of_sixteen_processes_none_loses_a_record(
    journals: Implementation[JournalClient], journal: JournalClient, tmp_path: Path
) -> None:
    with actors(16, "count_in_stream", journals, tmp_path, "5") as running:
        confirmed = [record for process in running for record in process.rest()]
    stored = await journal.read("shared")
    assert [one.seq for one in stored] == list(range(1, 81))
    assert sorted(one.id for one in stored) == sorted(confirmed)


async def test_what_was_confirmed_survives_kill_and_nothing_is_there_in_part(
    journals: Implementation[JournalClient], journal: JournalClient, tmp_path: Path
) -> None:
    for round_ in range(4):
        place = tmp_path / str(round_)
        place.mkdir()
        with actor("append_for_ever", journals, place) as process:
            lines = [process.line() for _ in range(1 + 15 * round_)]
            lines += process.kill()
        confirmed = int(lines[-1])
        client = journals.open(place)
        stored = await client.read("crash")
        await client.close()
        assert len(stored) >= confirmed
        assert [one.seq for one in stored] == list(range(1, len(stored) + 1))
        assert [one.data["part"] for one in stored] == [0, 1, 2] * (len(stored) // 3), "no append is there in part"


async def test_streams_are_listed_by_prefix_and_name(journal: JournalClient) -> None:
    for name in ("runs/b", "runs/a", "runs", "attempts/x", "runs%", "run_/a"):
        await journal.append(name, 0, _numbers(1))
    assert list(await journal.streams("runs/")) == ["runs/a", "runs/b"]
    assert list(await journal.streams()) == sorted(["runs/b", "runs/a", "runs", "attempts/x", "runs%", "run_/a"])


async def test_compaction_keeps_the_snapshot_and_the_count(journal: JournalClient) -> None:
    await journal.append("s", 0, _numbers(1, 2, 3))
    await journal.compact(Snapshot("s", 2, {"sum": 3}))
    assert await journal.snapshot("s") == Snapshot("s", 2, {"sum": 3})
    assert _read(await journal.read("s", after=2)) == [(3, 3)]
    assert await journal.head("s") == 3
    await journal.compact(Snapshot("s", 1, {"sum": 1}))
    assert await journal.snapshot("s") == Snapshot("s", 2, {"sum": 3}), "an older snapshot changes nothing"
    await journal.compact(Snapshot("s", 3, {"sum": 6}))
    assert await journal.append("s", 3, _numbers(4)) == 4, "sequence numbers are never reused"


async def test_reading_what_was_compacted_away_says_so_instead_of_leaving_a_hole(journal: JournalClient) -> None:
    await journal.append("s", 0, _numbers(1, 2, 3))
    await journal.compact(Snapshot("s", 2, {}))
    with pytest.raises(CompactedError) as refused:
        await journal.read("s", after=1)
    assert refused.value.snapshot == 2


async def test_snapshot_beyond_the_end_is_refused(journal: JournalClient) -> None:
    await journal.append("s", 0, _numbers(1))
    for stream, seq in (("s", 2), ("none", 1)):
        with pytest.raises(ValueError, match="beyond"):
            await journal.compact(Snapshot(stream, seq, {}))


async def _state(journal: Journal, stream: str) -> tuple[int, int]:
    """Snapshot and what came after, as any reader does it: the last number and the sum of all."""
    while True:
        snapshot = await journal.snapshot(stream)
        seq = snapshot.seq if snapshot else 0
        total = snapshot.state["sum"] if snapshot else 0
        assert isinstance(total, int)
        try:
            tail = await journal.read(stream, after=seq)
        except CompactedError:
            continue
        for one in tail:
            assert one.seq == seq + 1
            assert isinstance(one.data["number"], int)
            seq, total = one.seq, total + one.data["number"]
        return seq, total


async def test_compaction_never_opens_a_hole_under_readers(
    journals: Implementation[JournalClient], journal: JournalClient, tmp_path: Path
) -> None:
    with actor("compact_for_ever", journals, tmp_path) as process:
        process.line()
        seen: list[tuple[int, int]] = []
        async with asyncio.timeout(60):
            while len(seen) < 300 or seen[0] == seen[-1]:  # a disk may be slower than the readers for a while
                seen.append(await _state(journal, "compacted"))
        process.kill()
    assert all(total == seq * (seq + 1) // 2 for seq, total in seen)
    assert seen == sorted(seen)
    seq, total = await _state(journal, "compacted")
    assert total == seq * (seq + 1) // 2, "nor does a kill"


async def test_deleted_stream_is_forgotten_wholly(journal: JournalClient) -> None:
    await journal.append("s", 0, _numbers(1, 2))
    await journal.compact(Snapshot("s", 1, {}))
    await journal.delete("s")
    assert await journal.head("s") == 0
    assert await journal.snapshot("s") is None
    assert list(await journal.streams()) == []
    assert await journal.append("s", 0, _numbers(5)) == 1


async def test_changed_returns_when_another_client_appends(
    journals: Implementation[JournalClient], journal: JournalClient, tmp_path: Path
) -> None:
    other = journals.open(tmp_path)
    await journal.head("s")
    waiting = asyncio.create_task(journal.changed(60))
    await asyncio.sleep(0)
    await other.append("s", 0, _numbers(1))
    async with asyncio.timeout(60):
        await waiting
    await other.close()


async def test_task_that_waits_in_a_loop_misses_no_append(journal: JournalClient) -> None:
    await journal.changed(0)
    for number in range(20):
        await journal.append("s", number, _numbers(number))
        async with asyncio.timeout(60):
            await journal.changed(60)


async def test_changed_returns_after_its_time_when_nothing_happens(journal: JournalClient) -> None:
    async with asyncio.timeout(60):
        await journal.changed(0.05)
