"""Following one task by its records: read once, until it or its run has ended."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from pydantic import BaseModel

from aios.cli.task_records import TaskReader, TaskWatch
from aios.embedded.journal import SqliteJournal
from aios.naming import attempt_stream, run_stream
from aios.ports.journal import Record
from aios.spec.vocabulary import ProjectPhase, Strategy
from aios.tasks.attempt_events import Claimed, Ended
from aios.tasks.result import Outcome, TaskResult
from aios.tasks.run_events import Planned, RunEnded, RunStarted, TaskSkipped
from tests.projects.building import task

RUN = "default/s/d1"
STARTED = RunStarted(run=RUN, namespace="default", project="s", team="t", goal="g", strategy=Strategy.SEQUENTIAL)
PLANNED = Planned(member="", tasks=(task("one"), task("two", "one")))


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[SqliteJournal]:
    made = SqliteJournal(tmp_path / "journal.db")
    yield made
    await made.close()


async def record(journal: SqliteJournal, stream: str, *events: BaseModel) -> None:
    head = await journal.head(stream)
    await journal.append(stream, head, [Record(event.model_dump(mode="json")) for event in events])


async def read(reader: TaskReader) -> Sequence[tuple[int, list[int]]]:
    """The numbers of the records that are new, by attempt."""
    return [(attempt, [one.seq for one in records]) for attempt, records in await reader.news()]


async def test_every_record_is_read_once_and_attempts_come_in_their_order(journal: SqliteJournal) -> None:
    reader = TaskReader(journal, RUN, "one")
    assert await read(reader) == []
    for attempt in (10, 2):
        await record(journal, attempt_stream(RUN, "one", attempt), Claimed(epoch=1, worker="w"))
    await record(journal, attempt_stream(RUN, "one-more", 1), Claimed(epoch=1, worker="w"))

    assert await read(reader) == [(2, [1]), (10, [1])]
    assert await read(reader) == []
    ended = Ended(result=TaskResult(outcome=Outcome.CHECK_FAILED))
    await record(journal, attempt_stream(RUN, "one", 2), ended)
    await record(journal, attempt_stream(RUN, "one", 11), Claimed(epoch=1, worker="w"))
    assert await read(reader) == [(2, [2]), (11, [1])]


async def test_a_task_is_over_with_itself_and_with_its_run(journal: SqliteJournal) -> None:
    one, two = TaskWatch(journal, RUN, "one"), TaskWatch(journal, RUN, "two")
    await record(journal, run_stream(RUN), STARTED, PLANNED)
    assert (await one.over(), await two.over()) == (False, False)
    await record(journal, run_stream(RUN), TaskSkipped(task="two", because="one"))
    assert (await one.over(), await two.over()) == (False, True)
    await record(journal, run_stream(RUN), RunEnded(phase=ProjectPhase.CANCELLED, reason="somebody said so"))
    assert await one.over()
    assert one.unknown() == two.unknown() == ""


async def test_a_task_that_no_plan_has_is_waited_for_until_there_is_a_plan(journal: SqliteJournal) -> None:
    watch = TaskWatch(journal, RUN, "tow")
    await record(journal, run_stream(RUN), STARTED)
    assert not await watch.over()
    assert (watch.unknown(), watch.obstacle().endswith("its tasks: none yet")) == ("", True)
    await record(journal, run_stream(RUN), PLANNED)
    assert await watch.over()
    assert watch.unknown() == f'no task "tow" in {RUN}; there are: one, two'
