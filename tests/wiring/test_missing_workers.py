"""An engine whose workers run elsewhere says which agents nobody works as, once, and again when that comes back."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from aios.embedded.resources import SqliteResources
from aios.ports.clock import SystemClock
from aios.spec.agent import Agent, AgentSpec, AgentStatus
from aios.spec.base import Condition, ObjectMeta
from aios.wiring.missing_workers import tell_missing

START = "start one with `aios worker --agent default/t-m`"
FOREIGN = "this worker and the engine read different journals"


class Looks(SystemClock):
    """Time goes on by one look whenever the test says so."""

    def __init__(self) -> None:
        self._go, self._there = asyncio.Semaphore(0), asyncio.Semaphore(0)

    async def sleep(self, seconds: float) -> None:
        del seconds
        self._there.release()
        await self._go.acquire()

    async def one(self) -> None:
        """Return when it has looked once more."""
        async with asyncio.timeout(30):
            self._go.release()
            await self._there.acquire()


@pytest.fixture
async def resources(tmp_path: Path) -> AsyncIterator[SqliteResources]:
    made = SqliteResources(tmp_path / "resources.db")
    yield made
    await made.close()


async def show(resources: SqliteResources, ready: int, why: str = "", *, replicas: int = 1) -> None:
    agent = Agent(metadata=ObjectMeta(name="t-m"), spec=AgentSpec(team="t", member="m", replicas=replicas))
    await resources.apply(agent)
    message = f"{ready} of {replicas} replicas are ready" + (f"; {why}" if why else "")
    one = Condition(type="Ready", status="True" if ready else "False", reason="WorkersNotReady", message=message)
    assert await resources.write_status(agent.ref, AgentStatus(ready_replicas=ready, conditions=(one,)))


async def test_each_reason_is_told_once_until_a_worker_was_there(resources: SqliteResources) -> None:
    told, looks = list[str](), Looks()
    telling = asyncio.create_task(tell_missing(resources, told.append, looks))
    await looks._there.acquire()
    for ready, why in ((0, START), (0, START), (0, FOREIGN), (1, ""), (0, START)):
        await show(resources, ready, why)
        await looks.one()
    telling.cancel()
    assert told == [f"nobody works as default/t-m: {why}" for why in (START, FOREIGN, START)]


async def test_an_agent_that_nobody_is_wanted_for_is_not_missed(resources: SqliteResources) -> None:
    told, looks = list[str](), Looks()
    telling = asyncio.create_task(tell_missing(resources, told.append, looks))
    await looks._there.acquire()
    await show(resources, 0, START, replicas=0)
    await looks.one()
    telling.cancel()
    assert told == []
