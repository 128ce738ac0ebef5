"""What the engine reads from attempts' streams, and the one record it writes there."""

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from aios.embedded.journal import SqliteJournal
from aios.naming import attempt_stream
from aios.ports.journal import Record
from aios.projects.attempts import Attempts
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
