"""A worker whose model's limits or store make it wait: it says so, spends nothing, and goes on by itself."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from aios.naming import attempt_stream, worker_session
from aios.ports.journal import Record
from aios.spec.model import ModelLimits
from aios.spec.team import Limits
from aios.tasks.attempt_events import Ended
from aios.tasks.result import Outcome, TaskResult
from tests.agents.stage import CLOUD, LOCAL, RUN, TASK, FakeModel, Stage, reply, staged
from tests.contract.waiting import eventually
from tests.models.crowd import Outage, OutageSessions

SLOT = "model/default/local/slot/0"


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with staged(tmp_path) as stage:
        yield stage


async def for_ever(_: object) -> None:
    """A provider that does not answer."""
    await asyncio.Event().wait()


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


async def test_waiting_for_the_store_takes_none_of_the_tasks_time(stage: Stage) -> None:
    outage = Outage()
    ports = replace(stage.ports, sessions=OutageSessions(stage.ports.sessions, outage))
    stage.limits = Limits(task_timeout="8s")
    model = FakeModel([reply("Done.")])
    await stage.dispatch(model="strong")
    outage.away = True
    async with stage.running(stage.worker(model, ports=ports)):
        await stage.recorded("Inputs")
        await asyncio.sleep(9.5)  # longer than the task may take
        outage.away = False
        assert (await stage.ended()).outcome is Outcome.SUCCEEDED
    assert len(model.asked) == 1


async def test_waiting_for_a_turn_takes_none_of_the_tasks_time_but_the_work_after_it_does(stage: Stage) -> None:
    stage.models = {"local": LOCAL.model_copy(update={"limits": ModelLimits(concurrency=1)}), "strong": CLOUD}
    stage.limits = Limits(task_timeout="8s")
    assert await stage.ports.leases.acquire(SLOT, "another replica", ttl=60)
    model = FakeModel([reply("Done.")], during=for_ever)
    await stage.dispatch()
    async with stage.running(stage.worker(model)):
        await stage.recorded("Inputs")
        await asyncio.sleep(9.5)
        assert "1 calls are under way" in await waits(stage), "the wait is shown as long as it lasts"
        await stage.ports.leases.release(SLOT, "another replica")
        await stage.recorded("CallStarted")
        ended = await stage.ended()
    assert ended.outcome is Outcome.TIMED_OUT
    assert re.fullmatch(
        r"not finished within 8s \(taskTimeout\), not counting \d+ s in which its calls waited", ended.message
    )
    assert (len(model.asked), ended.spend.in_doubt) == (1, 1)


async def test_a_cancel_ends_an_attempt_that_waits(stage: Stage) -> None:
    stage.models = {"local": LOCAL.model_copy(update={"limits": ModelLimits(concurrency=1)}), "strong": CLOUD}
    assert await stage.ports.leases.acquire(SLOT, "another replica", ttl=60)
    model = FakeModel([reply("Done.")])
    await stage.dispatch()
    async with stage.running(stage.worker(model)):
        await stage.recorded("Inputs")
        stream = attempt_stream(RUN, TASK.name, 1)
        ended = Ended(result=TaskResult(outcome=Outcome.CANCELLED, message="the run took longer than its timeout"))
        record = Record(data=ended.model_dump(mode="json", by_alias=True))
        await stage.ports.journal.append(stream, await stage.ports.journal.head(stream), [record])
        await stage.idle()
    assert (await stage.kinds())[-1] == "Ended"
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
