"""Reading on in many runs: nothing is left out, and a long history costs no more than a short one."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from aios.embedded.journal import SqliteJournal
from aios.errors import ServiceUnavailableError
from aios.ports.journal import Record, Snapshot, Stored
from aios.projects.run_tails import ENDED_AT_A_LOOK, RunTails
from aios.tasks.run_events import EngineStarted, RetryRequested, RunEnded, RunEvent, RunStarted

STARTED = RunStarted(run="default/p/1", namespace="default", project="p", team="web", goal="")
GOES_ON = EngineStarted(engine="engine-1")
ENDED = RunEnded(phase="Succeeded")
RETRY = RetryRequested(token="again", tasks=())


class CountingJournal(SqliteJournal):
    """Counts what is asked of it."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.asked: Counter[str] = Counter()
        self.refuses: set[int] = set()
        """Reads by their number that fail."""

    async def read(self, stream: str, after: int = 0, limit: int | None = None) -> Sequence[Stored]:
        self.asked["read"] += 1
        if self.asked["read"] in self.refuses:
            raise ServiceUnavailableError("gone")
        return await super().read(stream, after, limit)

    async def head(self, stream: str) -> int:
        self.asked["head"] += 1
        return await super().head(stream)

    async def streams(self, prefix: str = "") -> Sequence[str]:
        self.asked["streams"] += 1
        return await super().streams(prefix)

    async def add(self, run: str, *events: RunEvent) -> None:
        head = await super().head(run)
        await self.append(run, head, [Record(event.model_dump(mode="json", by_alias=True)) for event in events])


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[CountingJournal]:
    journal = CountingJournal(tmp_path / "journal.db")
    yield journal
    await journal.close()


async def _news(tails: RunTails, *, listed_within: float = 0.0) -> list[tuple[str, int]]:
    return [(stored.stream, stored.seq) async for stored, _ in tails.news(listed_within=listed_within)]


async def test_every_record_is_given_once_and_in_order(journal: CountingJournal) -> None:
    tails = RunTails(journal, "runs/")
    await journal.add("runs/b", STARTED)
    await journal.add("runs/a", STARTED, GOES_ON)
    assert await _news(tails) == [("runs/a", 1), ("runs/a", 2), ("runs/b", 1)]
    assert await _news(tails) == []
    await journal.add("runs/b", ENDED)
    await journal.add("elsewhere/c", STARTED)
    assert await _news(tails) == [("runs/b", 2)]


async def test_what_an_interrupted_reading_left_out_comes_with_the_next(journal: CountingJournal) -> None:
    tails = RunTails(journal, "runs/")
    await journal.add("runs/a", STARTED, GOES_ON, ENDED)
    async for stored, _ in tails.news():
        if stored.seq == 2:
            break
    assert await _news(tails) == [("runs/a", 3)]


async def test_a_look_at_a_long_history_asks_no_more_than_at_a_short_one(journal: CountingJournal) -> None:
    tails = RunTails(journal, "runs/")
    for number in range(10 * ENDED_AT_A_LOOK):
        await journal.add(f"runs/{number}", STARTED, ENDED)
    await journal.add("runs/going", STARTED)
    await _news(tails)
    journal.asked.clear()
    assert await _news(tails) == []
    assert journal.asked == {"streams": 1, "read": 1, "head": ENDED_AT_A_LOOK + 1}


async def test_a_retry_of_any_ended_run_is_noticed_once_its_turn_comes(journal: CountingJournal) -> None:
    tails = RunTails(journal, "runs/")
    for number in range(10 * ENDED_AT_A_LOOK):
        await journal.add(f"runs/{number}", STARTED, ENDED)
    await _news(tails)
    await journal.add("runs/77", RETRY)
    assert [found for _ in range(10) for found in await _news(tails)] == [("runs/77", 3)]
    await journal.add("runs/77", GOES_ON)
    assert await _news(tails) == [("runs/77", 4)], "a run that was retried goes on, and is read at every look"


async def test_what_had_ended_before_is_read_only_once_it_goes_on_and_then_whole(journal: CountingJournal) -> None:
    await journal.add("runs/a", STARTED, GOES_ON, ENDED)
    await journal.add("runs/b", STARTED, GOES_ON)
    tails = RunTails(journal, "runs/", {"runs/a": 3, "runs/b": 2})
    assert await _news(tails) == [("runs/b", 1), ("runs/b", 2)]
    assert await _news(tails) == []
    await journal.add("runs/a", RETRY)
    assert await _news(tails) == [("runs/a", 1), ("runs/a", 2), ("runs/a", 3), ("runs/a", 4)]


async def test_a_retry_is_given_with_the_next_look_when_reading_it_failed(journal: CountingJournal) -> None:
    await journal.add("runs/a", STARTED, ENDED)
    tails = RunTails(journal, "runs/", {"runs/a": 2})
    assert await _news(tails) == []
    await journal.add("runs/a", RETRY)
    journal.refuses = {journal.asked["read"] + 2}
    with pytest.raises(ServiceUnavailableError):
        await _news(tails)
    assert await _news(tails) == [("runs/a", 1), ("runs/a", 2), ("runs/a", 3)]


async def test_what_ended_between_knowing_and_looking_is_read_whole(journal: CountingJournal) -> None:
    await journal.add("runs/a", STARTED)
    tails = RunTails(journal, "runs/", {"runs/a": 1})
    await journal.add("runs/a", ENDED)
    assert await _news(tails) == [("runs/a", 1), ("runs/a", 2)]


async def test_a_stream_that_was_deleted_and_begun_anew_is_read_from_its_beginning(journal: CountingJournal) -> None:
    tails = RunTails(journal, "runs/")
    await journal.add("runs/a", STARTED, GOES_ON, ENDED)
    await _news(tails)
    await journal.delete("runs/a")
    await journal.add("runs/a", STARTED)
    assert await _news(tails) == [("runs/a", 1)]


async def test_a_stream_that_was_deleted_is_not_listed_any_more(journal: CountingJournal) -> None:
    tails = RunTails(journal, "runs/")
    await journal.add("runs/a", STARTED)
    await journal.add("runs/b", STARTED, ENDED)
    await _news(tails)
    assert tails.streams == {"runs/a", "runs/b"}
    await journal.delete("runs/a")
    await journal.delete("runs/b")
    assert await _news(tails) == []
    assert tails.streams == frozenset()


async def test_a_fresh_listing_is_believed_only_while_a_run_goes_on(journal: CountingJournal) -> None:
    tails = RunTails(journal, "runs/")
    await journal.add("runs/a", STARTED)
    await _news(tails)
    await journal.add("runs/b", STARTED, ENDED)
    await journal.add("runs/a", ENDED)
    assert await _news(tails, listed_within=3600) == [("runs/a", 2)]
    assert await _news(tails, listed_within=3600) == [("runs/b", 1), ("runs/b", 2)]


async def test_a_compacted_run_is_read_from_its_snapshot_on(journal: CountingJournal) -> None:
    tails = RunTails(journal, "runs/")
    await journal.add("runs/a", STARTED, GOES_ON)
    await journal.compact(Snapshot("runs/a", 2, {}))
    assert await _news(tails) == []
    await journal.add("runs/a", ENDED)
    assert await _news(tails) == [("runs/a", 3)]
