"""A worker whose services are away keeps its doorbell in hand: giving it back again and again would count it dead."""

import asyncio
from dataclasses import dataclass, field, replace

from aios.agents.answering import LONGEST, answering
from aios.agents.assignment import Doorbell
from aios.agents.ports import AgentPorts
from aios.embedded.leases import SqliteLeases
from aios.errors import ServiceUnavailableError
from aios.ports.clock import SystemClock
from aios.tasks.result import Outcome
from tests.agents.stage import DONE, QUICK, RUN, FakeModel, Stage
from tests.models.test_gate import StillClock


@dataclass
class Away:
    """Leases that are away for a while."""

    behind: SqliteLeases
    asked: int = 0
    gone: bool = True
    news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def asked_often(self, times: int) -> None:
        async with asyncio.timeout(30), self.news:
            await self.news.wait_for(lambda: self.asked >= times)

    async def _ask(self) -> SqliteLeases:
        async with self.news:
            self.asked += 1
            self.news.notify_all()
        if self.gone:
            raise ServiceUnavailableError("Redis does not answer")
        return self.behind

    async def acquire(self, name: str, holder: str, *, ttl: float) -> bool:
        return await (await self._ask()).acquire(name, holder, ttl=ttl)

    async def holder(self, name: str) -> str | None:
        return await (await self._ask()).holder(name)

    async def release(self, name: str, holder: str) -> None:
        await (await self._ask()).release(name, holder)


BELL = Doorbell(run=RUN, task="implement", attempt=1, seq=2)


def without_leases(stage: Stage) -> tuple[AgentPorts, Away]:
    assert isinstance(stage.ports.leases, SqliteLeases)
    away = Away(stage.ports.leases)
    return replace(stage.ports, leases=away), away


async def test_an_outage_however_long_kills_no_doorbell(stage: Stage) -> None:
    ports, away = without_leases(stage)
    await stage.dispatch()
    async with stage.running(stage.worker(FakeModel([DONE]), ports=ports)):
        await away.asked_often(120)  # a doorbell dies of fifty deliveries
        away.gone = False
        assert (await stage.ended()).outcome is Outcome.SUCCEEDED


async def test_who_is_told_to_stop_meanwhile_waits_no_longer(stage: Stage) -> None:
    ports, away = without_leases(stage)
    stop = asyncio.Event()
    waiting = asyncio.create_task(answering(ports, BELL, stop, timings=QUICK, clock=SystemClock()))
    await away.asked_often(3)
    stop.set()
    await asyncio.wait_for(waiting, 30)


async def test_it_is_given_back_before_the_broker_takes_it(stage: Stage) -> None:
    ports, _ = without_leases(stage)
    clock = StillClock()
    timings = replace(QUICK, outage=60.0)
    await asyncio.wait_for(answering(ports, BELL, asyncio.Event(), timings=timings, clock=clock), 30)
    assert sum(clock.slept) == LONGEST
