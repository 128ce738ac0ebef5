"""ObjectJournal's `changed`: own appends at once, others' by the doorbell, and by looking when it is out of order."""

import asyncio
import time

from aios.adapters.object_journal.journal import ObjectJournal
from aios.adapters.object_journal.news import POLL_SECONDS
from aios.errors import ServiceUnavailableError
from aios.ports.journal import Record
from tests.adapters.object_journal.stores import MemoryObjects


class _Bell:
    """Doorbell within one process. With `broken` it does not answer."""

    def __init__(self, *, broken: bool = False) -> None:
        self.rings = 0
        self._broken = broken
        self._event = asyncio.Event()

    async def announce(self) -> None:
        await asyncio.sleep(0)
        self.rings += 1
        if self._broken:
            raise ServiceUnavailableError("no bell")
        self._event.set()

    async def announced(self, wait: float) -> None:
        if self._broken:
            raise ServiceUnavailableError("no bell")
        async with asyncio.timeout(wait):
            await self._event.wait()
        self._event.clear()


async def test_doorbell_wakes_other_processes_before_they_look_by_themselves() -> None:
    store, bell = MemoryObjects(), _Bell()
    here, there = ObjectJournal(store, doorbell=bell), ObjectJournal(store, doorbell=bell)
    waiting = asyncio.create_task(there.changed(60))
    await asyncio.sleep(0)
    begun = time.monotonic()
    await here.append("s", 0, [Record({})])
    await waiting
    assert time.monotonic() - begun < POLL_SECONDS / 2
    await here.close()


async def test_many_appends_ring_seldom_and_the_last_one_rings() -> None:
    bell = _Bell()
    journal = ObjectJournal(MemoryObjects(), doorbell=bell)
    await asyncio.gather(*(journal.append(f"s{number}", 0, [Record({})]) for number in range(50)))
    for _ in range(10):
        await asyncio.sleep(0)
    assert 1 <= bell.rings < 20


async def test_broken_doorbell_delays_news_and_no_append() -> None:
    journal = ObjectJournal(MemoryObjects(), doorbell=_Bell(broken=True))
    assert await journal.append("s", 0, [Record({})]) == 1
    begun = time.monotonic()
    await journal.changed(60)
    assert time.monotonic() - begun < 30, "it does not wait to the end"
    await journal.close()


async def test_append_on_another_event_loop_wakes_who_waits_here() -> None:
    journal = ObjectJournal(MemoryObjects())
    waiting = asyncio.create_task(journal.changed(60))
    await asyncio.sleep(0)
    begun = time.monotonic()
    await asyncio.to_thread(lambda: asyncio.run(journal.append("s", 0, [Record({})])))
    await waiting
    assert time.monotonic() - begun < POLL_SECONDS / 2


async def test_cancelled_wait_leaves_nothing_behind() -> None:
    journal = ObjectJournal(MemoryObjects())
    before = asyncio.all_tasks()
    waiting = asyncio.create_task(journal.changed(60))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait({waiting})
    assert asyncio.all_tasks() == before
