"""Supervision: what runs is what was applied, crashes come back, and nobody's work is cancelled by a new version."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest

from aios.desired.nouns import Worker, WorkerConfig
from aios.embedded.workloads import EmbeddedWorkloads
from aios.spec.team import Limits, Member

NAMESPACE, AGENT = "default", "team-dev"


def worker(replicas: int, *, prompt: str = "one", task_timeout: str = "10s") -> Worker:
    member = Member.model_validate({"name": "dev", "tier": "Execution", "models": ["m"], "prompt": prompt})
    limits = Limits.model_validate({"taskTimeout": task_timeout})
    return Worker(WorkerConfig(namespace=NAMESPACE, team="team", member=member, models=(), limits=limits), replicas)


@dataclass
class Crew:
    """Replicas that tell of their life, and that the test can keep busy or make crash."""

    alive: dict[str, str] = field(default_factory=dict)
    """Worker id to the prompt it runs with."""
    finished: list[str] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    crashes: int = 0
    starts: int = 0
    free: asyncio.Event = field(default_factory=asyncio.Event)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, config: WorkerConfig, worker_id: str, stop: asyncio.Event, ready: Callable[[], None]) -> None:
        self.starts += 1
        if self.crashes:
            self.crashes -= 1
            raise RuntimeError("no luck")
        self.alive[worker_id] = config.member.prompt or ""
        ready()
        try:
            await stop.wait()
            await self.free.wait()
            self.finished.append(config.member.prompt or "")
        except asyncio.CancelledError:
            self.cancelled.append(config.member.prompt or "")
            raise
        finally:
            del self.alive[worker_id]
            self.changed.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not holds():  # noqa: ASYNC110  # what is waited for is a function of many events
                await asyncio.sleep(0.005)


@pytest.fixture
def crew() -> Crew:
    return Crew()


@pytest.fixture
async def workloads(crew: Crew) -> AsyncIterator[EmbeddedWorkloads]:
    made = EmbeddedWorkloads(crew.run, first_backoff=0.01)
    yield made
    await made.close()


async def test_applying_twice_starts_nothing_twice(crew: Crew, workloads: EmbeddedWorkloads) -> None:
    for _ in range(3):
        await workloads.apply(worker(2))
    await crew.until(lambda: len(crew.alive) == 2)
    observed = (await workloads.observe(NAMESPACE))[0]
    assert (observed.agent, observed.replicas, observed.ready, observed.reason) == (AGENT, 2, 2, "")
    assert observed.config_digest == worker(2).config.digest
    assert crew.starts == 2


async def test_scaling_down_lets_the_surplus_finish(crew: Crew, workloads: EmbeddedWorkloads) -> None:
    await workloads.apply(worker(3))
    await crew.until(lambda: len(crew.alive) == 3)
    await workloads.apply(worker(1))
    assert (await workloads.observe(NAMESPACE))[0].replicas == 1
    assert len(crew.alive) == 3, "they are busy"
    crew.free.set()
    await crew.until(lambda: len(crew.alive) == 1)
    assert (crew.finished, crew.cancelled) == (["one", "one"], [])


async def test_a_new_configuration_starts_beside_the_old_which_finishes(
    crew: Crew, workloads: EmbeddedWorkloads
) -> None:
    await workloads.apply(worker(1, prompt="old"))
    await crew.until(lambda: len(crew.alive) == 1)
    await workloads.apply(worker(1, prompt="new"))
    await crew.until(lambda: sorted(crew.alive.values()) == ["new", "old"])
    assert (await workloads.observe(NAMESPACE))[0].config_digest == worker(1, prompt="new").config.digest
    crew.free.set()
    await crew.until(lambda: list(crew.alive.values()) == ["new"])
    assert (crew.finished, crew.cancelled) == (["old"], [])


async def test_what_drains_longer_than_a_task_may_take_is_ended(crew: Crew, workloads: EmbeddedWorkloads) -> None:
    await workloads.apply(worker(1, prompt="old", task_timeout="50ms"))
    await crew.until(lambda: len(crew.alive) == 1)
    await workloads.apply(worker(1, prompt="new", task_timeout="50ms"))
    await crew.until(lambda: crew.cancelled == ["old"])


async def test_a_crash_is_shown_and_comes_back(crew: Crew) -> None:
    told: list[tuple[str, str]] = []
    crew.crashes = 2
    workloads = EmbeddedWorkloads(crew.run, changed=lambda *agent: told.append(agent), first_backoff=0.05)
    try:
        await workloads.apply(worker(1))
        await crew.until(lambda: crew.starts == 1 and bool(told))
        crashed = (await workloads.observe(NAMESPACE))[0]
        assert (crashed.ready, crashed.reason, crashed.message) == (0, "CrashLoopBackOff", "RuntimeError: no luck")
        await crew.until(lambda: len(crew.alive) == 1)
        healthy = (await workloads.observe(NAMESPACE))[0]
        assert (healthy.ready, healthy.reason, crew.starts) == (1, "", 3)
        assert set(told) == {(NAMESPACE, AGENT)}
    finally:
        await workloads.close()


async def test_deleting_ends_it_and_nothing_remains(crew: Crew, workloads: EmbeddedWorkloads) -> None:
    await workloads.apply(worker(2))
    await crew.until(lambda: len(crew.alive) == 2)
    for _ in range(2):
        await workloads.delete(NAMESPACE, AGENT)
    assert (crew.alive, await workloads.observe(NAMESPACE)) == ({}, [])


async def test_draining_waits_for_what_is_in_flight_and_takes_nothing_new(
    crew: Crew, workloads: EmbeddedWorkloads
) -> None:
    await workloads.apply(worker(1))
    await crew.until(lambda: len(crew.alive) == 1)
    draining = asyncio.create_task(workloads.drain(10))
    await asyncio.sleep(0)
    await workloads.apply(worker(5))
    crew.free.set()
    await draining
    assert (crew.finished, crew.cancelled, crew.alive, crew.starts) == (["one"], [], {}, 1)


async def test_draining_is_bounded(crew: Crew, workloads: EmbeddedWorkloads) -> None:
    await workloads.apply(worker(1))
    await crew.until(lambda: len(crew.alive) == 1)
    await workloads.drain(0.02)
    assert (crew.finished, crew.cancelled) == ([], ["one"])


async def test_a_replica_whose_cleanup_fails_can_still_be_ended() -> None:
    """An error raised while a cancellation passes hides it; taken for a crash it would be restarted for ever."""

    async def stubborn(_: WorkerConfig, __: str, stop: asyncio.Event, ready: Callable[[], None]) -> None:
        ready()
        try:
            await stop.wait()
        finally:
            raise RuntimeError("the store was closed")

    workloads = EmbeddedWorkloads(stubborn, first_backoff=0.01)
    await workloads.apply(worker(1))
    await asyncio.sleep(0.02)
    async with asyncio.timeout(5):
        await workloads.close()
