"""What agents have done counts once, however many ask at the same time."""

import asyncio
from pathlib import Path

from aios.embedded.journal import SqliteJournal
from aios.naming import run_stream
from aios.ports.journal import Record
from aios.projects.activity import Activity, ActivityLedger
from aios.tasks.result import Outcome, Spend, TaskResult
from aios.tasks.run_events import AttemptEnded, Dispatched, RunEvent, RunStarted
from aios.tasks.task import Task

RUN = "default/word-count/abc"


def _attempt(number: int) -> list[RunEvent]:
    spent = Spend(calls=1, input_tokens=10, output_tokens=5)
    ended = TaskResult(outcome=Outcome.CHECK_FAILED, spend=spent)
    return [
        Dispatched(
            task=Task(name="test", goal="", instructions=""),
            attempt=number,
            member="tester",
            model="m",
            reason="only one",
        ),
        AttemptEnded(task="test", attempt=number, result=ended),
    ]


async def test_concurrent_readers_count_every_attempt_once(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "journal.db")
    started = RunStarted(run=RUN, namespace="default", project="word-count", team="software", goal="")
    events = [started, *_attempt(1), *_attempt(2)]
    records = [Record(data=event.model_dump(mode="json", by_alias=True)) for event in events]
    await journal.append(run_stream(RUN), 0, records)
    ledger = ActivityLedger(journal)
    answers = await asyncio.gather(*(ledger.read("default") for _ in range(8)))
    assert answers == [{"software-tester": Activity(done=2, tokens=30)}] * 8
    assert await ledger.read("elsewhere") == {}
    await journal.close()
