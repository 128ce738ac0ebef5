"""A worker whose configuration and the engine's are not of the same age: the attempt is routed again, and counts for
nobody's failure."""

import asyncio
from dataclasses import replace

from aios.agents.worker import AgentWorker
from aios.tasks.result import Outcome
from tests.agents.stage import QUICK, FakeModel, Stage, reply

DONE = reply("It is done.")


async def test_a_model_that_this_worker_does_not_know_is_no_failure(stage: Stage) -> None:
    await stage.dispatch(model="new")
    model = FakeModel([DONE])
    result = await stage.play(model)
    assert (result.outcome, model.asked) == (Outcome.WITHDRAWN, [])
    assert "has no model 'new': the team has changed" in result.message


async def test_it_is_given_back_after_a_pause_or_at_once_by_who_is_told_to_stop(stage: Stage) -> None:
    slow = replace(QUICK, outage=60.0)
    chat = FakeModel([DONE])
    worker = AgentWorker(stage.config, "w1", stage.ports, lambda _: chat, scratch=stage.place / "w1", timings=slow)
    await stage.dispatch(model="new")
    async with asyncio.timeout(20):
        async with stage.running(worker):
            await stage.recorded("Claimed")
            await asyncio.sleep(0.2)
            assert (await stage.kinds())[-1] == "Claimed"
        assert (await stage.kinds())[-1] == "Ended"
