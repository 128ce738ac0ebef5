"""What keeps failing for tasks that run is told, once, and of the agents declared here alone."""

import asyncio
import json
from pathlib import Path

from aios.embedded.resources import SqliteResources
from aios.embedded.sessions import SqliteSessions
from aios.naming import worker_session
from aios.spec.agent import Agent, AgentSpec
from aios.spec.base import ObjectMeta
from aios.wiring.troubles import tell_troubles
from tests.wiring.test_missing_workers import Looks

AWAY = "model my-model: nothing answers at http://127.0.0.1:11434"


async def test_each_trouble_is_told_once_until_it_was_over(tmp_path: Path) -> None:
    resources, sessions = SqliteResources(tmp_path / "resources.db"), SqliteSessions(tmp_path / "sessions.db")
    await resources.apply(Agent(metadata=ObjectMeta(name="t-m"), spec=AgentSpec(team="t", member="m", replicas=1)))
    told, looks = list[str](), Looks()

    async def beat(trouble: str, *, agent: str = "t-m", worker: str = "w") -> None:
        said = {"phase": "Working", "task": "hello/write", "waits": "", "trouble": trouble}
        await sessions.set(worker_session("default", agent, worker), json.dumps(said), ttl=60)

    await beat(AWAY, agent="t-m-of-others")
    await sessions.set(worker_session("default", "t-m", "old"), "no JSON", ttl=60)
    telling = asyncio.create_task(tell_troubles(resources, sessions, told.append, looks))
    await looks._there.acquire()
    for trouble in ("", AWAY, AWAY, "", AWAY):
        await beat(trouble)
        await beat(trouble, worker="v")  # two replicas that are told the same
        await looks.one()
    telling.cancel()
    assert told == [f"hello/write: {AWAY}; asked again"] * 2
    await resources.close()
    await sessions.close()
