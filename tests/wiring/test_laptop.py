"""What an engine finds in a state folder when it starts: the dead are forgotten, the living are let work."""

import asyncio
from pathlib import Path

import pytest

from aios.embedded.broker import SqliteBroker
from aios.embedded.leases import SqliteLeases
from aios.embedded.resources import SqliteResources
from aios.embedded.sessions import SqliteSessions
from aios.embedded.state_folder import StateFolder
from aios.naming import model_state, queue_name, worker_session
from aios.spec.agent import Agent, AgentSpec, AgentStatus
from aios.spec.base import ObjectMeta
from aios.spec.team import AgentTeam, Member, TeamSpec
from aios.spec.vocabulary import AgentPhase, Tier
from aios.wiring.laptop import Workers, laptop

LEASE, HOLDER = "attempt/default/p/d/t/1", "worker-1"


@pytest.mark.parametrize(
    ("workers", "lives"), [(Workers.HERE, False), (Workers.ISOLATED, False), (Workers.ELSEWHERE, True)]
)
async def test_an_engine_that_starts_forgets_only_workers_that_died_with_the_one_before(
    tmp_path: Path, workers: Workers, lives: bool
) -> None:
    state = StateFolder(tmp_path / ".aios")
    state.open()
    leases, copy = SqliteLeases(state.leases), state.scratch / "copy"
    try:
        assert await leases.acquire(LEASE, HOLDER, ttl=60)
        copy.mkdir(parents=True)
        async with laptop(state, workers=workers) as running:
            assert (await running.ports.leases.holder(LEASE) == HOLDER) == lives
            assert copy.exists() == lives
    finally:
        await leases.close()


async def test_what_caches_hold_outlives_a_process_and_what_is_said_of_its_workers_and_models_does_not(
    tmp_path: Path,
) -> None:
    state = StateFolder(tmp_path / ".aios")
    state.open()
    sessions = SqliteSessions(state.sessions)
    kept = "reply/default/t/Internal/1"
    for key in (kept, worker_session("default", "t-m", "w"), f"{model_state('default', 'm')}/breaker"):
        await sessions.set(key, "{}", ttl=60)
    await sessions.close()
    async with laptop(state) as running:
        assert list(await running.ports.sessions.scan("")) == [kept]


async def test_a_damaged_cache_is_no_reason_not_to_start(tmp_path: Path) -> None:
    state = StateFolder(tmp_path / ".aios")
    state.open()
    state.sessions.write_bytes(b"no database" * 1000)
    async with laptop(state) as running:
        assert await running.ports.sessions.scan("") == {}


@pytest.mark.parametrize(
    ("workers", "left"), [(Workers.HERE, AgentPhase.IDLE), (Workers.ELSEWHERE, AgentPhase.WORKING)]
)
async def test_no_agent_is_left_working_when_its_replicas_ended_with_us(
    tmp_path: Path, workers: Workers, left: AgentPhase
) -> None:
    state = StateFolder(tmp_path / ".aios")
    state.open()
    agent = Agent(metadata=ObjectMeta(name="t-m"), spec=AgentSpec(team="t", member="m"))
    async with laptop(state, workers=workers) as running:
        await running.ports.resources.apply(agent)
        assert await running.ports.resources.write_status(agent.ref, AgentStatus(phase=AgentPhase.WORKING, busy=1))
    resources = SqliteResources(state.resources)
    found = await resources.get(agent.ref)
    await resources.close()
    assert isinstance(found, Agent)
    assert found.status.phase is left


async def test_the_queues_of_a_team_that_was_deleted_while_nobody_ran_are_removed(tmp_path: Path) -> None:
    state = StateFolder(tmp_path / ".aios")
    state.open()
    resources, broker = SqliteResources(state.resources), SqliteBroker(state.broker)
    team = AgentTeam(
        metadata=ObjectMeta(name="t"),
        spec=TeamSpec(members=(Member(name="m", tier=Tier.EXECUTION, models=("x",), prompt="You work."),)),
    )
    await resources.apply(team)
    await broker.ensure_queue(queue_name("default", "t", "m"))
    await broker.ensure_queue(queue_name("default", "other", "m"))
    await resources.delete(team.ref)
    await resources.close()
    async with laptop(state) as running:
        loops = asyncio.create_task(running.run())
        await running.buried(30)
        loops.cancel()
        await asyncio.wait({loops})
    left = await broker.queues()
    await broker.close()
    assert queue_name("default", "t", "m") not in left
    assert queue_name("default", "other", "m") in left
