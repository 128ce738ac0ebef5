"""The claimant's view of its stream when replies are lost and appends are cancelled."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from aios.embedded.journal import SqliteJournal
from aios.errors import FencedError, ServiceUnavailableError
from aios.models.attempt_log import OUTAGES, AttemptLog
from aios.ports.journal import Record, Stored
from aios.tasks.attempt_events import ATTEMPT_EVENT, CallFinished, Claimed, Ended, Reply, ToolDone, Usage
from aios.tasks.result import Outcome, TaskResult
from tests.twins.lost_replies import LostReplyJournal

STREAM = "attempts/r/t/1"
TOOL = ToolDone(step=0, call_id="c", text="x")
ENDED = Ended(result=TaskResult(outcome=Outcome.TIMED_OUT))


async def at_once(_: float) -> None:
    """Sleep that takes no time."""


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[SqliteJournal]:
    journal = SqliteJournal(tmp_path / "journal.db")
    yield journal
    await journal.close()


class SlowJournal(LostReplyJournal):
    """Appends reach the store only when they are let through, however early the caller gave up."""

    def __init__(self, inner: SqliteJournal) -> None:
        super().__init__(inner, every=1_000)
        self.gate = asyncio.Event()
        self.late: list[asyncio.Task[int]] = []

    async def append(self, stream: str, expected_seq: int, records: Sequence[Record]) -> int:
        async def arrive() -> int:
            await self.gate.wait()
            return await self._inner.append(stream, expected_seq, records)

        self.late.append(asyncio.create_task(arrive()))
        return await asyncio.shield(self.late[-1])


async def kinds(journal: SqliteJournal) -> list[object]:
    return [stored.data["kind"] for stored in await journal.read(STREAM)]


async def test_lost_replies_leave_one_record_each(journal: SqliteJournal) -> None:
    log = await AttemptLog.open(LostReplyJournal(journal, every=1), STREAM, sleep=at_once)
    with pytest.raises(ServiceUnavailableError):
        await log.claim("w")
    assert await kinds(journal) == ["Claimed"]
    every_other = await AttemptLog.open(LostReplyJournal(journal, every=2), STREAM, sleep=at_once)
    await every_other.claim("v")
    for _ in range(4):
        await every_other.append(TOOL)
    assert await kinds(journal) == ["Claimed", "Claimed", *["ToolDone"] * 4]
    assert OUTAGES > 1


class AwayJournal(LostReplyJournal):
    """Refuses so many appends, then is there again."""

    def __init__(self, inner: SqliteJournal) -> None:
        super().__init__(inner, every=1_000)
        self.away = 0

    async def append(self, stream: str, expected_seq: int, records: Sequence[Record]) -> int:
        if self.away:
            self.away -= 1
            raise ServiceUnavailableError("the journal is away")
        return await self._inner.append(stream, expected_seq, records)


async def test_an_answer_that_was_paid_for_outlasts_an_outage_that_ends_other_appends(journal: SqliteJournal) -> None:
    away = AwayJournal(journal)
    log = await AttemptLog.open(away, STREAM, sleep=at_once)
    await log.claim("w")
    reply = Reply(text="dear", usage=Usage(input_tokens=1, output_tokens=1), model="m")
    away.away = 50 * OUTAGES
    await log.append(CallFinished(step=0, number=1, reply=reply))
    assert [finished.reply for finished in log.finished(0)] == [reply]
    assert await kinds(journal) == ["Claimed", "CallFinished"]
    away.away = 50 * OUTAGES
    with pytest.raises(ServiceUnavailableError):
        await log.append(TOOL)


async def test_a_record_whose_append_was_cancelled_and_arrived_is_adopted(journal: SqliteJournal) -> None:
    log = await AttemptLog.open(journal, STREAM)
    await log.claim("w")
    slow = SlowJournal(journal)
    log._journal = slow
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await log.append(TOOL)
    slow.gate.set()
    await asyncio.gather(*slow.late)
    await log.append(ENDED)
    assert [event.kind for event in log.events] == await kinds(journal) == ["Claimed", "ToolDone", "Ended"]


async def test_a_record_that_arrives_after_the_next_one_is_refused(journal: SqliteJournal) -> None:
    log = await AttemptLog.open(journal, STREAM)
    await log.claim("w")
    slow = SlowJournal(journal)
    log._journal = slow
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await log.append(TOOL)
    log._journal = journal
    await log.append(ENDED)
    slow.gate.set()
    await asyncio.gather(*slow.late, return_exceptions=True)
    assert [event.kind for event in log.events] == await kinds(journal) == ["Claimed", "Ended"]


async def test_a_foreign_record_is_noticed_and_ends_the_claim(journal: SqliteJournal) -> None:
    mine = await AttemptLog.open(journal, STREAM)
    await mine.claim("mine")
    assert not await mine.foreign()
    theirs = await AttemptLog.open(journal, STREAM)
    await theirs.claim("theirs")
    assert await mine.foreign()
    for _ in range(2):
        with pytest.raises(FencedError):
            await mine.append(TOOL)
    assert [event.epoch for event in theirs.events if isinstance(event, Claimed)] == [1, 2]


async def test_claims_whose_worker_was_told_to_stop_are_not_fruitless(journal: SqliteJournal) -> None:
    for round_ in range(4):
        log = await AttemptLog.open(journal, STREAM)
        epoch = await log.claim("w")
        if round_ == 0:
            await log.append(TOOL)
        if round_ < 3:
            await log.yields(epoch, "w")
    log = await AttemptLog.open(journal, STREAM)
    assert (log.claims, log.fruitless) == (4, 1)
    await log.claim("w")
    assert log.fruitless == 2


async def test_being_told_to_stop_is_recorded_beside_the_work_and_loses_none_of_its_records(
    journal: SqliteJournal,
) -> None:
    log = await AttemptLog.open(LostReplyJournal(journal, every=2), STREAM, sleep=at_once)
    epoch = await log.claim("w")
    work = [log.append(TOOL) for _ in range(5)]
    await asyncio.gather(*work[:2], log.yields(epoch, "w"), *work[2:])
    assert not await log.foreign()
    assert [event.kind for event in log.events] == await kinds(journal)
    assert sorted(await kinds(journal), key=str) == ["Claimed", "Claimed", *["ToolDone"] * 5]


async def test_nothing_is_recorded_of_a_stop_once_the_attempt_has_ended_or_may_have(journal: SqliteJournal) -> None:
    away = AwayJournal(journal)
    log = await AttemptLog.open(away, STREAM, sleep=at_once)
    epoch = await log.claim("w")
    away.away = OUTAGES + 1
    with pytest.raises(ServiceUnavailableError):
        await log.append(ENDED)
    await log.yields(epoch, "w")
    assert await kinds(journal) == ["Claimed"]
    await log.append(ENDED)
    await log.yields(epoch, "w")
    assert await kinds(journal) == ["Claimed", "Ended"]


async def test_who_is_fenced_records_nothing_of_a_stop(journal: SqliteJournal) -> None:
    log = await AttemptLog.open(journal, STREAM)
    epoch = await log.claim("w")
    await (await AttemptLog.open(journal, STREAM)).claim("v")
    with pytest.raises(FencedError):
        await log.yields(epoch, "w")
    assert await kinds(journal) == ["Claimed", "Claimed"]


def test_readers_that_know_of_no_such_stop_read_a_claim() -> None:
    told = Claimed(epoch=1, worker="w", yielded=True).model_dump(mode="json", by_alias=True)
    assert told == {"kind": "Claimed", "epoch": 1, "worker": "w", "yielded": True}
    assert ATTEMPT_EVENT.validate_python({**told, "later": "field"}) == Claimed(epoch=1, worker="w", yielded=True)


async def test_a_claim_ends_when_its_stream_was_deleted(journal: SqliteJournal) -> None:
    log = await AttemptLog.open(journal, STREAM)
    await log.claim("w")
    await log.append(TOOL)
    await journal.delete(STREAM)
    async with asyncio.timeout(30):
        with pytest.raises(FencedError, match="was deleted"):
            await log.append(ENDED)
    assert await journal.streams("attempts/") == ()


class SlowReader(LostReplyJournal):
    """Reads are answered when they are let through, as the stream was when they were asked."""

    def __init__(self, inner: SqliteJournal) -> None:
        super().__init__(inner, every=1_000)
        self.gate = asyncio.Event()

    async def read(self, stream: str, after: int = 0, limit: int | None = None) -> Sequence[Stored]:
        found = await super().read(stream, after, limit)
        await self.gate.wait()
        return found


async def test_an_own_record_that_is_added_while_others_are_looked_for_is_nobody_elses(journal: SqliteJournal) -> None:
    slow = SlowReader(journal)
    slow.gate.set()
    log = await AttemptLog.open(slow, STREAM)
    await log.claim("w")
    slow.gate.clear()
    looking = asyncio.create_task(log.foreign())
    await asyncio.sleep(0.05)
    await log.append(TOOL)
    slow.gate.set()
    assert await looking is False


@pytest.mark.parametrize("begun_anew", [False, True])
async def test_a_stream_that_is_gone_is_nobodys_claim(journal: SqliteJournal, begun_anew: bool) -> None:
    """Or a commit that hung while its project was deleted would move HEAD in a workspace that is no more."""
    log = await AttemptLog.open(journal, STREAM)
    await log.claim("w")
    await log.append(TOOL)
    await log.confirm()
    await journal.delete(STREAM)
    if begun_anew:
        other = await AttemptLog.open(journal, STREAM)
        await other.claim("v")
        await other.append(TOOL)
    assert await log.foreign()
    with pytest.raises(FencedError, match="deleted it"):
        await log.confirm()
