"""A run's stream in an engine's hands, when replies get lost and others write."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from aios.embedded.journal import SqliteJournal
from aios.errors import SequenceConflictError, ServiceUnavailableError
from aios.ports.clock import SystemClock
from aios.ports.journal import Record
from aios.projects.run_log import RunLog
from aios.projects.steering import build_run_started
from aios.tasks.run_events import CancelRequested, EngineStarted
from tests.projects.building import build_project, build_team, task

STARTED = build_run_started(build_project("word-count", task("a")), build_team())


class Forgetful(SqliteJournal):
    """Loses the reply of every append while `lossy`."""

    lossy = False

    async def append(self, stream: str, expected_seq: int, records: Sequence[Record]) -> int:
        seq = await super().append(stream, expected_seq, records)
        if self.lossy:
            raise ServiceUnavailableError("the connection was cut")
        return seq


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Forgetful]:
    made = Forgetful(tmp_path / "journal.db")
    yield made
    await made.close()


async def test_what_is_appended_is_what_is_folded(journal: Forgetful) -> None:
    log = await RunLog.open(journal, SystemClock(), STARTED.run)
    assert (log.seq, log.state.started) == (0, None)
    await log.append([STARTED, EngineStarted(engine="e")])
    again = await RunLog.open(journal, SystemClock(), STARTED.run)
    assert (again.seq, again.state, again.started_at) == (log.seq, log.state, log.started_at)


async def test_a_lost_reply_writes_nothing_twice(journal: Forgetful) -> None:
    log = await RunLog.open(journal, SystemClock(), STARTED.run)
    journal.lossy = True
    with pytest.raises(ServiceUnavailableError):
        await log.append([STARTED])
    with pytest.raises(ServiceUnavailableError, match="not confirmed"):
        await log.append([CancelRequested(reason="meanwhile")])
    journal.lossy = False
    await log.confirm()
    await log.append([EngineStarted(engine="e")])
    assert [stored.data["kind"] for stored in await journal.read(log.stream)] == ["RunStarted", "EngineStarted"]


async def test_who_comes_too_late_learns_that_the_run_is_anothers(journal: Forgetful) -> None:
    first = await RunLog.open(journal, SystemClock(), STARTED.run)
    await first.append([STARTED])
    second = await RunLog.open(journal, SystemClock(), STARTED.run)
    await second.append([EngineStarted(engine="second")])
    with pytest.raises(SequenceConflictError):
        await first.append([CancelRequested(reason="late")])


async def test_run_time_goes_on_where_the_last_engine_stopped(journal: Forgetful) -> None:
    first = await RunLog.open(journal, SystemClock(), STARTED.run)
    await first.append([STARTED, EngineStarted(at=500.0, engine="e")])
    second = await RunLog.open(journal, SystemClock(), STARTED.run)
    assert 500.0 <= second.now() < 530.0
