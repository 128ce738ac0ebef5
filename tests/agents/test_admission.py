"""A worker whose model's limits or store make it wait: it says so, spends nothing, and goes on by itself."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from aios.naming import worker_session
from aios.spec.model import ModelLimits
from aios.spec.team import Limits
from aios.tasks.result import Outcome
from tests.agents.stage import CLOUD, LOCAL, FakeModel, Stage, reply, staged
from tests.contract.waiting import eventually
from tests.models.crowd import Outage, OutageSessions

SLOT = "model/default/local/slot/0"


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with staged(tmp_path) as stage:
        yield stage


async def waits(stage: Stage) -> str:
    """What the worker's heartbeat says that it waits for."""
    beat = await stage.ports.sessions.get(worker_session("default", "software-developer", "w1"))
    return str(json.loads(beat)["waits"]) if beat else ""


async def test_a_worker_shows_what_its_call_waits_for_and_goes_on_when_there_is_room(stage: Stage) -> None:
    stage.models = {"local": LOCAL.model_copy(update={"limits": ModelLimits(concurrency=1)}), "strong": CLOUD}
    assert await stage.ports.leases.acquire(SLOT, "another replica", ttl=60)
    model = FakeModel([reply("Done.")])
    await stage.dispatch()
    async with stage.running(stage.worker(model)):

        async def shown() -> bool:
            return "1 calls are under way" in await waits(stage)

        await eventually(shown)
        assert model.asked == []
        await stage.ports.leases.release(SLOT, "another replica")
        assert (await stage.ended()).outcome is Outcome.SUCCEEDED
    assert await stage.ports.leases.holder(SLOT) is None


async def test_with_the_store_away_a_paid_call_waits_and_the_task_goes_on_when_it_is_back(stage: Stage) -> None:
    outage = Outage()
    ports = replace(stage.ports, sessions=OutageSessions(stage.ports.sessions, outage))
    model = FakeModel([reply("Done.")])
    await stage.dispatch(model="strong")
    outage.away = True
    async with stage.running(stage.worker(model, ports=ports)):
        await stage.recorded("Inputs")
        refused = outage.refused

        async def asked_again() -> bool:
            return outage.refused > refused + 5

        await eventually(asked_again)
        assert model.asked == []
        assert "CallStarted" not in await stage.kinds()
        outage.away = False
        assert (await stage.ended()).outcome is Outcome.SUCCEEDED
    assert len(model.asked) == 1


async def test_the_tasks_timeout_bounds_the_waiting(stage: Stage) -> None:
    outage = Outage()
    ports = replace(stage.ports, sessions=OutageSessions(stage.ports.sessions, outage))
    stage.limits = Limits(task_timeout="1s")
    model = FakeModel([reply("Done.")])
    await stage.dispatch(model="strong")
    outage.away = True
    async with stage.running(stage.worker(model, ports=ports)):
        ended = await stage.ended()
    assert ended.outcome is Outcome.TIMED_OUT
    assert ended.spend.cost == 0
    assert model.asked == []


async def test_a_call_under_way_is_recorded_though_the_store_went_away(stage: Stage) -> None:
    outage = Outage()
    ports = replace(stage.ports, sessions=OutageSessions(stage.ports.sessions, outage))

    async def vanish(_: object) -> None:
        outage.away = True
        await asyncio.sleep(0)

    model = FakeModel([reply("Done.")], during=vanish)
    await stage.dispatch(model="strong")
    async with stage.running(stage.worker(model, ports=ports)):
        assert (await stage.ended()).outcome is Outcome.SUCCEEDED
    assert len(model.asked) == 1
