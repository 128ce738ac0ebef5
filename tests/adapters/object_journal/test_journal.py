"""ObjectJournal: late writers, compaction that was cut off, deletion and what comes after it, a damaged store."""

from collections.abc import Sequence

import pytest

from aios.adapters.object_journal.journal import ObjectJournal
from aios.adapters.object_journal.lives import DELETION_SECONDS
from aios.adapters.object_journal.position import LIFE_SECONDS, MAX_ENDS, NEAR
from aios.errors import CompactedError, EnvironmentProblemError, SequenceConflictError, ServiceUnavailableError
from aios.ports.journal import Journal, Record, Snapshot, Stored
from tests.adapters.object_journal.clock import HandClock
from tests.adapters.object_journal.stores import FailingObjects, MemoryObjects


def _records(*numbers: int) -> list[Record]:
    return [Record({"number": number}) for number in numbers]


def _numbers(stored: Sequence[Stored]) -> list[object]:
    return [one.data["number"] for one in stored]


async def _fill(journal: Journal, stream: str, appends: Sequence[int]) -> int:
    head = 0
    for size in appends:
        head = await journal.append(stream, head, _records(*range(head + 1, head + size + 1)))
    return head


async def test_append_whose_expectation_is_no_end_of_an_append_is_refused() -> None:
    store = MemoryObjects()
    late = ObjectJournal(store)
    await _fill(late, "s", [4])
    await ObjectJournal(store).append("s", 4, _records(5, 6, 7))
    for expected in (5, 6, 8, 3000):
        with pytest.raises(SequenceConflictError) as refused:
            await late.append("s", expected, _records(99))
        assert refused.value.actual == 7
    assert _numbers(await ObjectJournal(store).read("s")) == [1, 2, 3, 4, 5, 6, 7]


async def test_late_writer_is_refused_where_everything_was_compacted_away() -> None:
    store = MemoryObjects()
    late = ObjectJournal(store)
    await _fill(late, "s", [1, 2])
    others = ObjectJournal(store)
    await others.append("s", 3, _records(4, 5))
    await others.compact(Snapshot("s", 5, {}))
    for expected in (0, 1, 3, 4):
        with pytest.raises(SequenceConflictError) as refused:
            await late.append("s", expected, _records(99))
        assert refused.value.actual == 5
    assert await late.append("s", 5, _records(6)) == 6


async def test_writer_whose_reply_was_lost_recognises_its_append_after_compaction() -> None:
    journal = ObjectJournal(MemoryObjects())
    records = _records(1, 2)
    await journal.append("s", 0, records)
    await journal.compact(Snapshot("s", 2, {}))
    assert await journal.append("s", 0, records) == 2


async def test_compaction_leaves_no_data_behind() -> None:
    store = MemoryObjects()
    journal = ObjectJournal(store)
    await journal.append("s", 0, [Record({"text": "confidential"})])
    await journal.append("s", 1, [Record({"text": "confidential"}), Record({"text": "kept"})])
    await journal.compact(Snapshot("s", 2, {}))
    assert not any(b"confidential" in found.data for found in store.objects.values())
    assert [one.data["text"] for one in await journal.read("s", 2)] == ["kept"]


@pytest.mark.parametrize("does", [True, False])
async def test_compaction_that_was_cut_off_anywhere_is_finished_by_the_next(does: bool) -> None:
    for calls in range(1, 12):
        store = FailingObjects(MemoryObjects())
        journal = ObjectJournal(store)
        await _fill(journal, "s", [1, 2, 1, 2])
        store.fail_after(calls, does=does)
        try:
            await journal.compact(Snapshot("s", 4, {"sum": 10}))
        except ServiceUnavailableError:
            pass
        else:
            assert calls > 5, "the compaction was not cut off"
        store.left = None
        fresh = ObjectJournal(store)
        snapshot = await fresh.snapshot("s")
        try:
            assert _numbers(await fresh.read("s")) == [1, 2, 3, 4, 5, 6]
        except CompactedError as error:
            assert error.snapshot == 4
            assert snapshot is not None
            assert snapshot.seq == 4
        await fresh.compact(Snapshot("s", 5, {"sum": 15}))
        assert _numbers(await fresh.read("s", 5)) == [6]
        with pytest.raises(CompactedError):
            await fresh.read("s", 4)
        assert sum(found.data.count(b'"number"') for found in store.inner.objects.values()) == 1  # type: ignore[attr-defined]


async def test_long_stream_is_read_from_anywhere_by_a_process_that_knows_nothing() -> None:
    store = MemoryObjects()
    last = await _fill(ObjectJournal(store), "s", [1, 3] * 300 + [1500, 1] + [1] * 20)
    assert last > 2 * 1000
    assert _numbers(await ObjectJournal(store).read("s")) == list(range(1, last + 1))
    for after in (0, 1, 2, 500, 999, 1000, 1199, 1200, 1201, 2000, 2699, 2701, last - 1, last, last + 5):
        cold = ObjectJournal(store)
        assert _numbers(await cold.read("s", after, 3)) == list(range(after + 1, min(last, after + 3) + 1))
        assert await cold.head("s") == last
        assert _numbers(await cold.read("s", after)) == list(range(after + 1, last + 1))
    with pytest.raises(SequenceConflictError) as refused:
        await ObjectJournal(store).append("s", 5, _records(0))
    assert refused.value.actual == last


async def test_what_a_process_remembers_of_a_stream_is_bounded() -> None:
    journal = ObjectJournal(MemoryObjects())
    await _fill(journal, "s", [1] * (MAX_ENDS + 50))
    assert _numbers(await journal.read("s", 10, 2)) == [11, 12]


async def test_streams_with_any_names_keep_apart() -> None:
    names = [
        "a",
        "a/b",
        "a/",
        "a//b",
        "/a",
        "/",
        "..",
        "a/../b",
        "ü/\U0001f600",
        "a+",
        "a%2Fb",
        "!",
        "a/!",
        "A b\n",
        "a.b",
    ]
    store = MemoryObjects()
    journal = ObjectJournal(store)
    for name in names:
        await journal.append(name, 0, [Record({"name": name})])
    for name in names:
        assert [one.data["name"] for one in await ObjectJournal(store).read(name)] == [name]
    for prefix in ("", "a", "a/", "a//", "/", ".", "ü/"):
        assert list(await journal.streams(prefix)) == sorted(name for name in names if name.startswith(prefix))


@pytest.mark.parametrize("name", ["", "x" * 244, "/".join(["segment"] * 130), "\ud800"])
async def test_name_that_no_store_can_hold_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not a stream's name"):
        await ObjectJournal(MemoryObjects()).append(name, 0, _records(1))


async def test_index_entry_without_a_record_reads_as_an_empty_stream() -> None:
    store = FailingObjects(MemoryObjects())
    store.fail_after(2, does=False)
    with pytest.raises(ServiceUnavailableError):
        await ObjectJournal(store).append("s", 0, _records(1))
    store.left = None
    journal = ObjectJournal(store)
    assert (list(await journal.streams()), await journal.head("s")) == (["s"], 0)
    assert await journal.append("s", 0, _records(1)) == 1


async def test_deletion_leaves_no_object() -> None:
    store = MemoryObjects()
    journal = ObjectJournal(store)
    await _fill(journal, "s", [1, 2, 1])
    await journal.compact(Snapshot("s", 2, {}))
    await ObjectJournal(store).delete("s")
    assert store.objects == {}


async def test_deletion_that_was_cut_off_is_listed_and_deleted_by_the_next_call() -> None:
    for calls in range(4, 9):
        store = FailingObjects(MemoryObjects())
        await _fill(ObjectJournal(store), "s", [1, 2, 1])
        store.fail_after(calls, does=False)
        with pytest.raises(ServiceUnavailableError):
            await ObjectJournal(store).delete("s")
        store.left = None
        fresh = ObjectJournal(store)
        assert list(await fresh.streams()) == ["s"]
        await fresh.delete("s")
        assert store.inner.objects == {}  # type: ignore[attr-defined]


async def test_stream_whose_deletion_was_cut_off_can_begin_anew_after_a_while() -> None:
    store, clock = FailingObjects(MemoryObjects()), HandClock()
    await _fill(ObjectJournal(store), "s", [1, 2, 1])
    store.fail_after(8, does=False)
    with pytest.raises(ServiceUnavailableError):
        await ObjectJournal(store).delete("s")
    store.left = None
    journal = ObjectJournal(store, clock=clock)
    assert await journal.head("s") == 0
    assert list(await journal.read("s")) == []
    with pytest.raises(ServiceUnavailableError, match="is being deleted"):
        await journal.append("s", 0, _records(1))
    clock.seconds += DELETION_SECONDS + 1
    assert await journal.append("s", 0, _records(1)) == 1
    assert (list(await journal.streams()), await journal.head("s")) == (["s"], 1)


async def test_writer_that_was_frozen_while_its_stream_was_deleted_is_refused_and_leaves_nothing() -> None:
    store, clock = MemoryObjects(), HandClock()
    frozen = ObjectJournal(store, clock=clock)
    await _fill(frozen, "s", [1, 1])
    await ObjectJournal(store).delete("s")
    clock.seconds += LIFE_SECONDS + 1
    with pytest.raises(SequenceConflictError) as refused:
        await frozen.append("s", 2, _records(3))
    assert refused.value.actual == 0
    assert store.objects == {}


async def test_what_is_written_a_moment_after_a_stream_was_deleted_does_not_stay() -> None:
    store, clock = MemoryObjects(), HandClock()
    journal = ObjectJournal(store, clock=clock)
    await _fill(journal, "s", [1, 1])
    await ObjectJournal(store).delete("s")
    clock.seconds += 1.5  # far below what reading relies on
    with pytest.raises(SequenceConflictError):
        await journal.append("s", 2, _records(3))
    assert store.objects == {}


async def test_frozen_writer_does_not_write_into_the_next_life() -> None:
    store, clock = MemoryObjects(), HandClock()
    frozen = ObjectJournal(store, clock=clock)
    await _fill(frozen, "s", [1, 1])
    others = ObjectJournal(store)
    await others.delete("s")
    await _fill(others, "s", [1, 1])
    await frozen.append("s", 2, _records(99))
    assert _numbers(await others.read("s")) == [1, 2], "not even before it notices"
    clock.seconds += LIFE_SECONDS + 1
    assert _numbers(await frozen.read("s", 2)) == []
    assert await frozen.append("s", 2, _records(3)) == 3
    assert _numbers(await others.read("s")) == [1, 2, 3]


async def test_process_that_remembers_a_deleted_stream_begins_the_next_life_where_all_see_it() -> None:
    store = MemoryObjects()
    remembering, others = ObjectJournal(store), ObjectJournal(store)
    await _fill(remembering, "s", [1, 1])
    await others.delete("s")
    assert await remembering.append("s", 0, _records(7)) == 1
    assert _numbers(await others.read("s")) == [7]


async def test_reader_that_remembers_a_deleted_stream_sees_the_next_life() -> None:
    store = MemoryObjects()
    reader, others = ObjectJournal(store), ObjectJournal(store)
    await _fill(others, "s", [1, 1, 1])
    assert len(await reader.read("s")) == 3
    await others.delete("s")
    await _fill(others, "s", [1])
    assert _numbers(await reader.read("s")) == [1]


async def test_record_that_the_store_has_lost_is_missed_and_not_passed_over() -> None:
    store = MemoryObjects()
    await _fill(ObjectJournal(store), "s", [1, 1, 1, 1])
    lost = next(key for key in store.objects if key.endswith("0002"))
    del store.objects[lost]
    journal = ObjectJournal(store)
    await journal.head("s")
    with pytest.raises(ServiceUnavailableError, match="is the store whole"):
        await journal.read("s")


async def test_object_of_somebody_else_is_named() -> None:
    store = MemoryObjects()
    journal = ObjectJournal(store)
    await _fill(journal, "s", [1])
    key = next(key for key in store.objects if key.endswith("0001"))
    await store.put(key, b"{}")
    with pytest.raises(EnvironmentProblemError, match=key[-16:]):
        await journal.read("s")


async def test_data_that_is_no_json_is_refused_before_anything_is_written() -> None:
    store = MemoryObjects()
    journal = ObjectJournal(store)
    with pytest.raises(ValueError, match="JSON"):
        await journal.append("s", 0, [Record({"number": float("nan")})])
    assert store.objects == {}


async def test_index_entry_that_moves_names_a_true_end() -> None:
    store = MemoryObjects()
    await _fill(ObjectJournal(store), "s", [2] * (NEAR * 2 + 1))
    cold = ObjectJournal(store)
    assert await cold.append("s", (NEAR * 2 + 1) * 2, _records(1)) == (NEAR * 2 + 1) * 2 + 1
