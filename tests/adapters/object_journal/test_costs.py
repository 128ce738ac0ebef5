"""ObjectJournal's costs, counted in requests to the store."""

from aios.adapters.object_journal.journal import ObjectJournal
from aios.ports.journal import Record, Snapshot
from aios.ports.object_store import ObjectStore
from tests.adapters.object_journal.clock import HandClock
from tests.adapters.object_journal.stores import CountingObjects, MemoryObjects


def _journal(objects: ObjectStore) -> ObjectJournal:
    """Its clock stands still: what it asks again after some seconds is not counted."""
    return ObjectJournal(objects, clock=HandClock())


async def _append(journal: ObjectJournal, stream: str, appends: int) -> None:
    head = await journal.head(stream)
    for _ in range(appends):
        head = await journal.append(stream, head, [Record({})])


async def test_append_is_one_create_and_the_first_of_a_stream_two() -> None:
    store = CountingObjects(MemoryObjects())
    journal = _journal(store)
    await journal.append("s", 0, [Record({})])
    assert store.taken() == {"create": 2}
    await journal.append("s", 1, [Record({}), Record({})])
    await journal.append("s", 3, [Record({})])
    assert store.taken() == {"create": 2}


async def test_a_thousand_appends_cost_little_more_than_a_thousand_creates() -> None:
    store = CountingObjects(MemoryObjects())
    await _append(_journal(store), "s", 1000)
    taken = store.taken()
    assert taken.pop("create") == 1001
    assert sum(taken.values()) < 50


async def test_look_at_a_tail_is_one_get() -> None:
    store = CountingObjects(MemoryObjects())
    reader = _journal(store)
    await _append(_journal(store), "s", 30)
    await reader.read("s")
    store.taken()
    assert list(await reader.read("s", 30)) == []
    assert store.taken() == {"get": 1}
    assert await reader.head("s") == 30
    assert store.taken() == {"get": 1}


async def test_unknown_stream_costs_one_get() -> None:
    store = CountingObjects(MemoryObjects())
    journal = _journal(store)
    assert await journal.head("none") == 0
    assert store.taken() == {"get": 1}


async def test_late_append_is_refused_without_another_write() -> None:
    store = CountingObjects(MemoryObjects())
    journal = _journal(store)
    records = [Record({})]
    await journal.append("s", 0, [Record({})])
    await journal.append("s", 1, records)
    store.taken()
    assert await journal.append("s", 1, records) == 2
    assert store.taken() == {"get": 1}


async def test_listing_the_streams_is_one_listing_however_many_records_they_hold() -> None:
    for appends in (100, 3000):
        store = CountingObjects(MemoryObjects())
        writer = _journal(store)
        for name in ("runs/a", "runs/b", "other/c"):
            await _append(writer, name, appends)
        store.taken()
        assert list(await _journal(store).streams("runs/")) == ["runs/a", "runs/b"]
        assert store.taken() == {"list": 1}


async def test_end_of_a_stream_is_found_at_the_same_cost_however_many_records_it_holds() -> None:
    for appends in (100, 3000):
        store = CountingObjects(MemoryObjects())
        await _append(_journal(store), "s", appends)
        cold = _journal(store)
        store.taken()
        assert await cold.head("s") == appends
        assert sum(store.taken().values()) <= 6
        assert await cold.head("s") == appends
        assert store.taken() == {"get": 1}


async def test_reading_the_end_of_a_long_stream_does_not_read_its_beginning() -> None:
    store = CountingObjects(MemoryObjects())
    await _append(_journal(store), "s", 3000)
    cold = _journal(store)
    store.taken()
    head = await cold.head("s")
    assert len(await cold.read("s", head - 1)) == 1
    assert sum(store.taken().values()) < 12


async def test_one_record_whose_number_is_known_costs_three_requests_in_a_stream_never_seen() -> None:
    store = CountingObjects(MemoryObjects())
    await _append(_journal(store), "s", 30)
    cold = _journal(store)
    store.taken()
    assert [one.seq for one in await cold.read("s", 16, 1)] == [17]
    assert store.taken() == {"get": 2, "list": 1}


async def test_a_record_in_the_middle_of_an_append_costs_one_request_more() -> None:
    store = CountingObjects(MemoryObjects())
    writer = _journal(store)
    for first in range(0, 60, 3):
        await writer.append("s", first, [Record({"n": first + number}) for number in (1, 2, 3)])
    cold = _journal(store)
    store.taken()
    assert [one.data for one in await cold.read("s", 31, 1)] == [{"n": 32}]
    assert store.taken() == {"get": 3, "list": 1}
    assert [one.data for one in await cold.read("s", 49, 1)] == [{"n": 50}], "and so where more is known already"
    assert store.taken() == {"get": 2, "list": 1}


async def test_compacting_again_and_again_does_not_grow_dearer() -> None:
    store = CountingObjects(MemoryObjects())
    journal = _journal(store)
    costs = []
    for round_ in range(1, 60):
        await _append(journal, "s", 40)
        store.taken()
        await journal.compact(Snapshot("s", 40 * round_, {}))
        costs.append(sum(store.taken().values()))
    assert max(costs[5:]) <= 2 * 40 + 60 + 20
