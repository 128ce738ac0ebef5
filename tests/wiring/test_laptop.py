"""What an engine finds in a state folder when it starts: the dead are forgotten, the living are let work."""

import asyncio
import contextlib
import subprocess
import sys
from pathlib import Path

import pytest

from aios.embedded.broker import SqliteBroker
from aios.embedded.knowledge import QdrantKnowledge
from aios.embedded.leases import SqliteLeases
from aios.embedded.resources import SqliteResources
from aios.embedded.sessions import SqliteSessions
from aios.embedded.state_folder import StateFolder
from aios.naming import model_state, queue_name, worker_session
from aios.ports.knowledge import Memory
from aios.spec.agent import Agent, AgentSpec, AgentStatus
from aios.spec.base import ObjectMeta
from aios.spec.team import AgentTeam, Member, TeamSpec
from aios.spec.vocabulary import AgentPhase, Privacy, Tier
from aios.wiring.laptop import WORKERS_LIVE, Workers, laptop

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


SHARER = """
import pathlib, sys
from aios.embedded.state_folder import StateFolder
with StateFolder(pathlib.Path(sys.argv[1])).share():
    print("sharing", flush=True)
    sys.stdin.read()
"""


async def test_nothing_is_cleared_away_under_a_worker_that_lives_and_it_is_said_once(tmp_path: Path) -> None:
    state, told = StateFolder(tmp_path / ".aios"), list[str]()
    state.open()
    leases, sessions, copy = SqliteLeases(state.leases), SqliteSessions(state.sessions), state.scratch / "copy"
    beat = worker_session("default", "t-m", HOLDER)
    copy.mkdir(parents=True)
    command = [sys.executable, "-c", SHARER, str(state.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as worker:
        assert worker.stdout
        assert worker.stdout.readline() == b"sharing\n"
        assert await leases.acquire(LEASE, HOLDER, ttl=60)
        await sessions.set(beat, "{}", ttl=60)
        before = state.leases.stat().st_ino
        async with laptop(state, waiting=told.append) as running:
            assert await running.ports.leases.holder(LEASE) == HOLDER
            assert await running.ports.sessions.get(beat) == "{}"
            assert (state.leases.stat().st_ino, copy.exists()) == (before, True)
        worker.kill()
    assert told == [WORKERS_LIVE]
    await leases.close()
    await sessions.close()
    async with laptop(state, waiting=told.append) as running:  # once it is free, what the dead left is swept
        assert await running.ports.leases.holder(LEASE) is None
        assert not copy.exists()
    assert told == [WORKERS_LIVE]


async def test_a_worker_that_outlives_its_killed_parent_by_a_moment_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aios.wiring.laptop.LINGER_SECONDS", 30.0)
    state, told = StateFolder(tmp_path / ".aios"), list[str]()
    with contextlib.ExitStack() as held:
        held.enter_context(state.share())
        state.scratch.mkdir()
        asyncio.get_running_loop().call_later(0.3, held.close)
        async with laptop(state, waiting=told.append):
            assert (told, state.scratch.exists()) == ([], False)


async def test_workers_may_begin_as_soon_as_the_ports_are_open(tmp_path: Path) -> None:
    state = StateFolder(tmp_path / ".aios")
    async with laptop(state):
        with state.share(), state.deserted() as deserted:
            assert not deserted


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


TEAM = AgentTeam(
    metadata=ObjectMeta(name="t"),
    spec=TeamSpec(members=(Member(name="m", tier=Tier.EXECUTION, models=("x",), prompt="You work."),)),
)


async def bury(state: StateFolder) -> None:
    """Run until what was deleted meanwhile is cleaned up."""
    async with laptop(state) as running:
        loops = asyncio.create_task(running.run())
        await running.buried(30)
        loops.cancel()
        await asyncio.wait({loops})


async def test_the_queues_of_a_team_that_was_deleted_while_nobody_ran_are_removed(tmp_path: Path) -> None:
    state = StateFolder(tmp_path / ".aios")
    state.open()
    resources, broker = SqliteResources(state.resources), SqliteBroker(state.broker)
    await resources.apply(TEAM)
    await broker.ensure_queue(queue_name("default", "t", "m"))
    await broker.ensure_queue(queue_name("default", "other", "m"))
    await resources.delete(TEAM.ref)
    await resources.close()
    await bury(state)
    left = await broker.queues()
    await broker.close()
    assert queue_name("default", "t", "m") not in left
    assert queue_name("default", "other", "m") in left


async def test_what_a_team_remembered_that_was_deleted_while_nobody_ran_is_forgotten(tmp_path: Path) -> None:
    state = StateFolder(tmp_path / ".aios")
    state.open()
    resources, knowledge = SqliteResources(state.resources), QdrantKnowledge(state.knowledge)
    await resources.apply(TEAM)
    for name in ("t", "other"):
        await knowledge.remember("default", name, Memory("the port is 8080", Privacy.RESTRICTED, "test"))
    await resources.delete(TEAM.ref)
    await resources.close()
    await bury(state)
    left = [len(await knowledge.search("default", name, Privacy.RESTRICTED, "port")) for name in ("t", "other")]
    await knowledge.close()
    assert left == [0, 1]
