"""A worker that follows what an engine publishes works for an engine that reads the same journal, and for no other."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from aios.adapters.published.publication import Publication, publish
from aios.adapters.published.workloads import PublishedWorkloads
from aios.desired.nouns import Worker, WorkerConfig
from aios.embedded.journal import SqliteJournal
from aios.embedded.object_store import FolderBuckets
from aios.embedded.sessions import SqliteSessions
from aios.naming import bucket_name
from aios.ports.workloads import ObservedWorker
from aios.wiring.journal_identity import made_identity, read_identity
from aios.wiring.published import AgentName, follow_published
from tests.desired.building import worker_file

AGENT = AgentName("default", "t-developer")


@dataclass
class Ground:
    """What engine and workers share, two journals, and who works now."""

    buckets: FolderBuckets
    sessions: SqliteSessions
    journal: SqliteJournal
    other: SqliteJournal
    worker: Worker
    working: asyncio.Event

    @property
    def workloads(self) -> PublishedWorkloads:
        return PublishedWorkloads(self.buckets.bucket, self.sessions, partial(made_identity, self.journal))

    async def seen(self, holds: Callable[[ObservedWorker], bool]) -> ObservedWorker:
        """What the engine sees as soon as `holds`."""
        async with asyncio.timeout(20):
            while True:
                (found,) = await self.workloads.observe("default")
                if holds(found):
                    return found
                await asyncio.sleep(0.02)

    @asynccontextmanager
    async def following(self, journal: SqliteJournal) -> AsyncIterator[None]:
        """A replica meanwhile; it is told to stop in the end."""
        stop, objects = asyncio.Event(), self.buckets.bucket(bucket_name("default"))

        async def run(_: WorkerConfig, __: str, leave: asyncio.Event, ready: Callable[[], None]) -> None:
            ready()
            self.working.set()
            stopping, leaving = asyncio.create_task(stop.wait()), asyncio.create_task(leave.wait())
            await asyncio.wait({stopping, leaving}, return_when=asyncio.FIRST_COMPLETED)
            self.working.clear()

        following = asyncio.create_task(
            follow_published(
                objects,
                AGENT,
                run,
                journal=journal,
                sessions=self.sessions,
                worker_id="w1",
                stop=stop,
                ready=lambda: None,
            )
        )
        yield
        stop.set()
        await following


@pytest.fixture
async def ground(tmp_path: Path) -> AsyncIterator[Ground]:
    config = WorkerConfig.model_validate_json(worker_file(tmp_path).read_bytes())
    made = Ground(
        FolderBuckets(tmp_path / "buckets"),
        SqliteSessions(tmp_path / "sessions.db"),
        SqliteJournal(tmp_path / "journal.db"),
        SqliteJournal(tmp_path / "other.db"),
        Worker(config, 1),
        asyncio.Event(),
    )
    await made.buckets.ensure_bucket(bucket_name("default"))
    yield made
    for port in (made.sessions, made.journal, made.other):
        await port.close()


async def test_a_worker_of_another_journal_takes_nothing_and_the_engine_sees_why(ground: Ground) -> None:
    await made_identity(ground.other)
    await ground.workloads.apply(ground.worker)
    async with ground.following(ground.other):
        seen = await ground.seen(lambda found: found.replicas == 1)
        assert seen.ready == 0
        assert "read different journals: state AIOS_JOURNAL_URL" in seen.message
        assert not ground.working.is_set()
    assert await ground.sessions.scan("worker/") == {}, "who has ended is seen no more"


async def test_a_worker_of_the_same_journal_works(ground: Ground) -> None:
    await ground.workloads.apply(ground.worker)
    async with ground.following(ground.journal), asyncio.timeout(20):
        await ground.working.wait()


async def test_a_worker_goes_on_with_an_engine_of_an_earlier_version(ground: Ground) -> None:
    await publish(ground.buckets.bucket(bucket_name("default")), Publication(replicas=1, config=ground.worker.config))
    async with ground.following(ground.other), asyncio.timeout(20):
        await ground.working.wait()


async def test_an_engine_without_workers_says_how_to_start_one(ground: Ground) -> None:
    await ground.workloads.apply(ground.worker)
    seen = await ground.seen(lambda found: found.replicas == 0)
    assert seen.message == "start one with `aios worker --agent default/t-developer`"


async def test_a_journal_has_one_identity_whoever_makes_it(ground: Ground) -> None:
    assert await read_identity(ground.journal) == ""
    made = set(await asyncio.gather(*(made_identity(ground.journal) for _ in range(4))))
    assert made == {await read_identity(ground.journal)}
    assert made != {await made_identity(ground.other)}
