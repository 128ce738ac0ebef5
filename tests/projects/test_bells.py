"""Doorbells: who is at work is left alone, who is not is rung for, and what a wiped lease says is nothing."""

import itertools
from dataclasses import dataclass, field
from pathlib import Path

from aios.embedded.journal import SqliteJournal
from aios.errors import UnroutableError
from aios.naming import run_stream
from aios.ports.broker import Message
from aios.ports.clock import SystemClock
from aios.ports.journal import Record
from aios.projects.bells import SILENT_SWEEPS, Bells
from aios.projects.engine import SWEEP_SECONDS
from aios.projects.ringer import Ringer
from aios.projects.run_log import RunLog
from tests.projects.building import task
from tests.projects.simulation import simulate

RENEWAL_SECONDS = 2.0
"""How often a worker renews its lease."""


@dataclass
class Queue:
    """A broker of which only publishing is used."""

    there: bool = True
    rung: list[Message] = field(default_factory=list)

    async def publish(self, queue: str, message: Message) -> None:
        if not self.there:
            raise UnroutableError(queue)
        self.rung.append(message)


@dataclass
class Book:
    """Leases of which only the holder is asked."""

    held: bool = False

    async def holder(self, name: str) -> str | None:
        return name if self.held else None


async def dispatched(folder: Path) -> RunLog:
    """A run with one attempt in flight."""
    run = simulate(task("a"))
    run.turn()
    journal = SqliteJournal(folder / "journal.db")
    records = [Record(event.model_dump(mode="json", by_alias=True)) for event in run.events]
    await journal.append(run_stream(run.started.run), 0, records)
    log = await RunLog.open(journal, SystemClock(), run.started.run)
    await journal.close()
    return log


def bells(queue: Queue, book: Book) -> Bells:
    return Bells(Ringer(queue), book)  # type: ignore[arg-type]  # the parts that are used


def nobody(task: str, attempt: int) -> bool:
    """Has claimed an attempt."""
    del task, attempt
    return False


async def sweeps_until_it_rings(made: Bells, log: RunLog, queue: Queue) -> int:
    before = len(queue.rung)
    for number in itertools.count(1):
        await made.sweep(log)
        if len(queue.rung) > before:
            return number
    raise AssertionError


async def test_a_lease_that_was_wiped_is_renewed_before_anybody_else_is_rung_for(tmp_path: Path) -> None:
    log, queue, book = await dispatched(tmp_path), Queue(), Book(held=True)
    made = bells(queue, book)
    await made.ring_new(log, nobody)
    await made.sweep(log)
    book.held = False  # wiped just after its renewal; the first sweep comes at once
    at = 0.0
    while at <= RENEWAL_SECONDS:
        assert (await made.sweep(log)).abandoned == ()
        at += SWEEP_SECONDS
    assert len(queue.rung) == 1


async def test_each_silence_is_answered_later_until_somebody_was_there(tmp_path: Path) -> None:
    log, queue, book = await dispatched(tmp_path), Queue(), Book()
    made = bells(queue, book)
    await made.ring_new(log, nobody)
    waits = [await sweeps_until_it_rings(made, log, queue) for _ in range(3)]
    assert waits == [SILENT_SWEEPS, 2 * SILENT_SWEEPS, 4 * SILENT_SWEEPS]
    book.held = True
    await made.sweep(log)
    book.held = False  # its worker died: that is no backlog
    assert await sweeps_until_it_rings(made, log, queue) == SILENT_SWEEPS


async def test_an_attempt_whose_queue_is_gone_counts_as_nobodys(tmp_path: Path) -> None:
    log, queue = await dispatched(tmp_path), Queue(there=False)
    made = bells(queue, Book())
    found: list[str] = []
    for _ in range(SILENT_SWEEPS):
        await made.ring_new(log, nobody)
        found = [one.name for one in (await made.sweep(log)).abandoned]
    assert found == ["a"]
    assert queue.rung == []


async def test_an_engine_that_takes_a_run_over_rings_for_nobodys_attempt_only(tmp_path: Path) -> None:
    """Or, with the leases lost too, another worker would be given what somebody works on."""
    log, queue, book = await dispatched(tmp_path), Queue(), Book()
    made = bells(queue, book)
    await made.ring_new(log, lambda task, attempt: (task, attempt) == ("a", 1))
    assert queue.rung == []
    book.held = True  # its worker has renewed its lease
    for _ in range(3 * SILENT_SWEEPS):
        await made.sweep(log)
    assert queue.rung == []
    book.held = False
    assert await sweeps_until_it_rings(made, log, queue) == SILENT_SWEEPS
