"""What the engine reads from attempts' streams, and the one record it writes there."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from aios.embedded.journal import SqliteJournal
from aios.errors import SequenceConflictError
from aios.naming import ENDED_AT, attempt_stream
from aios.ports.journal import Record, Stored
from aios.projects.attempts import Attempts, Hint
from aios.spec.vocabulary import Privacy
from aios.tasks.attempt_events import AnyAttemptEvent, CallFinished, CallStarted, Claimed, Ended, Inputs, Reply, Usage
from aios.tasks.result import Outcome, Spend, TaskResult

RUN = "default/word-count/0"
STREAM = attempt_stream(RUN, "a", 1)
INPUTS = Inputs(member="m", model="l", system="", user="", privacy=Privacy.RESTRICTED, time="")
CALLS = (
    CallStarted(step=0, number=1, digest="d", worst_case=Decimal("0.5")),
    CallFinished(step=0, number=1, reply=Reply(usage=Usage(input_tokens=7, output_tokens=3)), cost=Decimal("0.1")),
    CallStarted(step=1, number=1, digest="d", worst_case=Decimal("0.5")),
)


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[SqliteJournal]:
    made = SqliteJournal(tmp_path / "journal.db")
    yield made
    await made.close()


async def write(journal: SqliteJournal, after: int, *events: AnyAttemptEvent) -> None:
    await journal.append(STREAM, after, [Record(event.model_dump(mode="json", by_alias=True)) for event in events])


async def test_who_claimed_an_attempt_works_on_it_unless_he_was_told_to_stop(journal: SqliteJournal) -> None:
    attempts, found = Attempts(journal), list[bool]()
    for number, claim in enumerate(
        (
            Claimed(epoch=1, worker="w"),
            Claimed(epoch=1, worker="w", yielded=True),
            Claimed(epoch=1, worker="w"),  # it goes on after an outage, and ends soon
            Claimed(epoch=2, worker="v"),
        )
    ):
        await write(journal, number, claim)
        await attempts.result(RUN, "a", 1)
        found.append(attempts.claimed(RUN, "a", 1))
    assert found == [True, False, False, True]
    assert not attempts.claimed(RUN, "a", 2), "nobody has read of it"


async def test_an_attempt_has_no_result_until_it_ended(journal: SqliteJournal) -> None:
    attempts = Attempts(journal)
    assert await attempts.result(RUN, "a", 1) is None
    await write(journal, 0, Claimed(epoch=1, worker="w"))
    assert await attempts.result(RUN, "a", 1) is None
    await write(journal, 1, Ended(result=TaskResult(outcome=Outcome.SUCCEEDED)))
    result = await attempts.result(RUN, "a", 1)
    assert result is not None
    assert result.outcome is Outcome.SUCCEEDED


async def test_a_cancelled_attempt_still_counts_what_it_spent_and_what_it_saw(journal: SqliteJournal) -> None:
    await write(journal, 0, Claimed(epoch=1, worker="w"), INPUTS, *CALLS)
    result = await Attempts(journal).cancel(RUN, "a", 1, "enough")
    assert (result.outcome, result.message, result.privacy) == (Outcome.CANCELLED, "enough", Privacy.RESTRICTED)
    assert result.spend == Spend(calls=1, in_doubt=1, input_tokens=7, output_tokens=3, cost=Decimal("0.6"))
    assert await Attempts(journal).result(RUN, "a", 1) == result


async def test_cancelling_twice_or_too_late_keeps_the_first_end(journal: SqliteJournal) -> None:
    attempts = Attempts(journal)
    first = await attempts.cancel(RUN, "a", 1, "enough")
    assert await attempts.cancel(RUN, "a", 1, "again") == first
    assert await journal.head(STREAM) == 1


async def test_a_worker_that_writes_meanwhile_does_not_escape(journal: SqliteJournal) -> None:
    attempts = Attempts(journal)
    assert await attempts.result(RUN, "a", 1) is None
    await write(journal, 0, Claimed(epoch=1, worker="w"))
    await attempts.cancel(RUN, "a", 1, "enough")
    assert [stored.data["kind"] for stored in await journal.read(STREAM)] == ["Claimed", "Ended"]


class ReadingJournal(SqliteJournal):
    """Notes what is read of it."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.asked: list[tuple[int, int | None]] = []

    async def read(self, stream: str, after: int = 0, limit: int | None = None) -> Sequence[Stored]:
        self.asked.append((after, limit))
        return await super().read(stream, after, limit)


async def test_a_bell_that_says_where_the_result_stands_spares_reading_the_rest(tmp_path: Path) -> None:
    journal = ReadingJournal(tmp_path / "journal.db")
    await write(journal, 0, Claimed(epoch=1, worker="w"), INPUTS, *CALLS)
    await write(journal, 5, Ended(result=TaskResult(outcome=Outcome.SUCCEEDED)))
    result = await Attempts(journal).result(RUN, "a", 1, Hint(attempt=1, seq=6))
    assert (result and result.outcome, journal.asked) == (Outcome.SUCCEEDED, [(5, 1)])
    await journal.close()


@pytest.mark.parametrize("hint", [Hint(attempt=1, seq=2), Hint(attempt=1, seq=99), Hint(attempt=2, seq=6)])
async def test_a_bell_that_is_wrong_is_not_believed(journal: SqliteJournal, hint: Hint) -> None:
    await write(journal, 0, Claimed(epoch=1, worker="w"), INPUTS, *CALLS)
    attempts = Attempts(journal)
    assert await attempts.result(RUN, "a", 1, hint) is None
    await write(journal, 5, Ended(result=TaskResult(outcome=Outcome.SUCCEEDED)))
    result = await attempts.result(RUN, "a", 1, hint)
    assert result is not None
    assert result.outcome is Outcome.SUCCEEDED


@pytest.mark.parametrize("body", [{}, {"attempt": 1}, {"attempt": "1", ENDED_AT: 3}, {"attempt": 1, ENDED_AT: 0}])
def test_a_bell_that_does_not_say_gives_no_hint(body: Mapping[str, str | int]) -> None:
    assert Hint.from_body(body) is None


async def test_an_attempt_whose_stream_was_deleted_meanwhile_is_not_cancelled_for_ever(journal: SqliteJournal) -> None:
    attempts = Attempts(journal)
    await write(journal, 0, Claimed(epoch=1, worker="w"))
    assert await attempts.result(RUN, "a", 1) is None
    await journal.delete(STREAM)
    async with asyncio.timeout(30):
        with pytest.raises(SequenceConflictError):
            await attempts.cancel(RUN, "a", 1, "enough")
